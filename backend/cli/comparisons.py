"""`sammed comparisons`: blinded comparisons of two sources of masks. Judging needs pictures and is done on the page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from backend.cli.asking import ProjectName, Told, asks, file_told, group, id_of, waited
from backend.domain.comparison import MOST_PAIRS, MaskSource

if TYPE_CHECKING:
    from backend.client import Client

comparisons_app = group("Blinded comparisons of masks in a project of a running server.")

ComparisonId = Annotated[str, typer.Argument(help="Id of the comparison, as `sammed comparisons list` shows it.")]
SOURCES = f"{', '.join(MaskSource)}; as annotators first accepted them, or computed anew with `:computed` behind it."


@comparisons_app.command("list")
@asks
def comparisons_list(client: Client, project: ProjectName) -> Told:
    """List the comparisons, the newest first, with how far their readers are."""
    found = list(client.comparisons(id_of(client, project)))
    rows = []
    for one in found:
        readers = [f"{r['reader']['name']} {r['judged']}/{one['pairs']}" for r in one["readers"]]
        rows.append([one["id"], one["name"], one["state"], f"{one['pairs']} pairs", ", ".join(readers)])
    return Told(found, rows)


@comparisons_app.command("create")
@asks
def comparisons_create(
    client: Client,
    project: ProjectName,
    name: Annotated[str, typer.Argument(help="What readers see: it should not say what is compared.")],
    first: Annotated[str, typer.Option(help=SOURCES)],
    second: Annotated[str, typer.Option(help="The other source, likewise.")],
    reader: Annotated[list[str], typer.Option(help="E-mail address of who judges; repeatable.")],
    label: Annotated[list[str] | None, typer.Option(help="Name of a label; repeatable. All without.")] = None,
    case: Annotated[
        list[str] | None,
        typer.Option(help="Id of an accepted case, or ID=SLICES, such as 0190…=5,10-20; repeatable. All without."),
    ] = None,
    pairs: Annotated[int, typer.Option(min=1, max=MOST_PAIRS, help="So many slices are shown at most.")] = 40,
    boxes: Annotated[bool, typer.Option("--boxes", help="What is computed is asked with boxes, not points.")] = False,
    points: Annotated[int, typer.Option(min=1, max=20, help="Of what is computed: points of each kind.")] = 3,
    support: Annotated[int, typer.Option(min=2, max=20, help="Of what is computed: slices to learn from.")] = 5,
    seed: Annotated[int, typer.Option(min=0, help="Draws the slices and the prompts.")] = 0,
    model: Annotated[str | None, typer.Option(help="One of `sammed evaluation models`.")] = None,
) -> Told:
    """Set up a comparison, wait until its masks are computed, and print its id."""
    project_id = id_of(client, project)
    settings: dict[str, Any] = {"first": _source(first, "--first"), "second": _source(second, "--second")}
    settings |= {"prompts": "boxes" if boxes else "points", "points": points, "support": support}
    settings |= {"seed": seed, "model": model}
    chosen = [_case(text) for text in case or []]
    made = client.create_comparison(
        project_id,
        name,
        settings,
        label_ids=[client.label_id(project_id, one) for one in label or []]
        or [one["id"] for one in client.labels(project_id)],
        reader_ids=[client.member_id(project_id, email) for email in reader],
        case_ids=[case_id for case_id, _ in chosen] or None,
        slices={case_id: slices for case_id, slices in chosen if slices} or None,
        pairs=pairs,
    )
    if made["job"]:
        waited(client, made["job"], "Computing masks")
        made = client.comparison(made["id"])
    return Told(made, made["id"])


@comparisons_app.command("show")
@asks
def comparisons_show(client: Client, comparison: ComparisonId) -> Told:
    """Tell how far a comparison and its readers are."""
    found = client.comparison(comparison)
    rows = [["name", found["name"]], ["state", found["state"]], ["pairs", found["pairs"]]]
    rows += [["closed", found["closed_at"]]] if found["closed_at"] else []
    rows += [["left out, both the same", found["identical"]]] if found["identical"] else []
    for one in found["readers"]:
        done = "finished" if one["finished_at"] else f"{one['judged']} of {found['pairs']}"
        rows.append([one["reader"]["email"], done])
    return Told(found, rows)


@comparisons_app.command("readers")
@asks
def comparisons_readers(
    client: Client,
    comparison: ComparisonId,
    reader: Annotated[list[str], typer.Argument(help="E-mail addresses of who judges, too.")],
) -> Told:
    """Let more people judge the same pairs."""
    project_id = client.comparison(comparison)["project_id"]
    found = client.add_comparison_readers(comparison, [client.member_id(project_id, email) for email in reader])
    return Told(found, f"{len(found['readers'])} readers")


@comparisons_app.command("close")
@asks
def comparisons_close(client: Client, comparison: ComparisonId) -> Told:
    """End the judging: its readers see the tally of what was said. There is no way back."""
    return Told(client.close_comparison(comparison), "closed")


@comparisons_app.command("delete")
@asks
def comparisons_delete(client: Client, comparison: ComparisonId) -> Told:
    """Take a comparison out of every list and tally."""
    client.delete_comparison(comparison)
    return Told({"id": comparison}, f"deleted; `sammed comparisons restore {comparison}` brings it back")


@comparisons_app.command("restore")
@asks
def comparisons_restore(client: Client, comparison: ComparisonId) -> Told:
    """Bring a deleted comparison back."""
    return Told(client.restore_comparison(comparison), "restored")


@comparisons_app.command("tally")
@asks
def comparisons_tally(
    client: Client,
    comparison: ComparisonId,
    csv: Annotated[Path | None, typer.Option("--csv", help="Download it as a table into this folder.")] = None,
    votes: Annotated[Path | None, typer.Option("--votes", help="Download every vote into this folder.")] = None,
) -> Told:
    """How often readers preferred which source, with Wilson's interval and a sign test."""
    if csv is not None or votes is not None:
        return file_told(
            client.votes_csv(comparison, votes) if votes is not None else client.tally_csv(comparison, csv or Path("."))
        )
    found = client.tally(comparison)
    sources = [f"{found[name]['what']} ({found[name]['how']})" for name in ("first", "second")]
    rows: list[list[Any]] = [["label", "reader", *sources, "no preference", "share of the first", "p"]]
    for row in found["rows"]:
        share = None if row["share"] is None else f"{row['share']:.2f} [{row['low']:.2f}, {row['high']:.2f}]"
        p_value = None if row["p_value"] is None else f"{row['p_value']:.3g}"
        reader = row["reader"]["name"] if row["reader"] else "all"
        rows.append([row["label_name"] or "all", reader, row["first"], row["second"], row["none"], share, p_value])
    return Told(found, rows)


def _source(text: str, option: str) -> dict[str, str]:
    what, _, how = text.partition(":")
    if what not in tuple(MaskSource) or how not in ("", "stored", "computed"):
        raise typer.BadParameter(f"'{text}' is none of {SOURCES}", param_hint=option)
    return {"what": what, "how": how or "stored"}


def _case(text: str) -> tuple[str, list[int]]:
    """The id of a case and the slices chosen of it, from 0; none: any."""
    case_id, _, chosen = text.partition("=")
    slices: list[int] = []
    try:
        for part in filter(None, chosen.split(",")):
            first, _, last = part.partition("-")
            slices += range(int(first) - 1, int(last or first))
    except ValueError as error:
        raise typer.BadParameter(f"'{chosen}' is no list of slices such as 5,10-20.", param_hint="--case") from error
    return case_id, slices
