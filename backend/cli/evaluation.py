"""`sammed evaluation`: measuring the method on the accepted masks of a project of a running server.

`sammed evaluate` measures on files, without a server.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from backend.cli.asking import OutFolder, ProjectName, Told, asks, fetched, file_told, group, id_of, waited
from backend.domain.evaluation import Baseline, GeneratorName, Prompt, Protocol, Scheme
from backend.errors import Rejected

if TYPE_CHECKING:
    from backend.client import Client

evaluation_app = group("Measuring the method on accepted masks of a running server.")

EvaluationId = Annotated[str, typer.Argument(help="Id of the evaluation, as `sammed evaluation list` shows it.")]


DONE = ("submitted", "accepted")


def _all(literal: Any) -> str:
    return ",".join(get_args(literal))


class NothingToMeasure(Rejected):
    """No case of the project has masks to measure against."""

    code = "nothing_to_measure"
    title = "There is nothing to measure"


@evaluation_app.command("cases")
@asks
def evaluation_cases(client: Client, project: ProjectName) -> Told:
    """List the cases with masks, and of each label on how many slices."""
    project_id = id_of(client, project)
    names = {one["id"]: one["name"] for one in client.labels(project_id)}
    found = list(client.evaluation_cases(project_id))
    rows = []
    for case in found:
        labels = ", ".join(f"{names.get(one['label_id'])} {one['slices']}" for one in case["labels"])
        rows.append([case["id"], case["name"], case["state"], labels])
    return Told(found, rows)


@evaluation_app.command("models")
@asks
def evaluation_models(client: Client) -> Told:
    """List the models that the server's workers can load."""
    found = client.models()
    return Told(found, [[one["name"], "default" if one["default"] else ""] for one in found])


@evaluation_app.command("start")
@asks
def evaluation_start(
    client: Client,
    project: ProjectName,
    protocol: Annotated[Protocol, typer.Argument(help="Learned prompts; the rest without a user; parts of SAP-Net.")],
    case: Annotated[
        list[str] | None, typer.Option(help="Id of a case; repeatable. Without: all that are done.")
    ] = None,
    label: Annotated[list[str] | None, typer.Option(help="Name of a label; repeatable. All without.")] = None,
    unfinished: Annotated[
        bool, typer.Option("--unfinished", help="Also cases that are not submitted yet; `assist` only.")
    ] = False,
    slices: Annotated[str, typer.Option(help="Numbers of annotated slices.")] = "2,5",
    points: Annotated[str, typer.Option(help="Points for each instance; not of `auto`.")] = "1,3,5,10",
    prompts: Annotated[str | None, typer.Option(help=f"Some of {_all(Prompt)}; not of `auto`.")] = None,
    schemes: Annotated[str | None, typer.Option(help=f"How points are drawn: {_all(Scheme)}.")] = None,
    baselines: Annotated[str | None, typer.Option(help=f"Some of {_all(Baseline)}; of `assist`.")] = None,
    generators: Annotated[str | None, typer.Option(help=f"Some of {_all(GeneratorName)}; of `auto`.")] = None,
    test_slices: Annotated[int, typer.Option(min=1, help="At most so many slices of a case are tested.")] = 20,
    repeats: Annotated[int, typer.Option(min=1, max=20, help="Each with other slices and prompts.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same table.")] = 0,
    model: Annotated[str | None, typer.Option(help="One of `sammed evaluation models`.")] = None,
    wait: Annotated[bool, typer.Option(help="Wait until it is done.")] = True,
) -> Told:
    """Measure, and print the scores; with --no-wait the id of the evaluation."""
    settings: dict[str, Any] = {
        "protocol": protocol,
        "unfinished_cases": unfinished,
        "slices": _numbers(slices, "--slices"),
        "points": _numbers(points, "--points"),
        "test_slices": test_slices,
        "repeats": repeats,
        "seed": seed,
        "model": model,
    }
    for name, text, known in (
        ("prompts", prompts, Prompt),
        ("schemes", schemes, Scheme),
        ("baselines", baselines, Baseline),
        ("generators", generators, GeneratorName),
    ):
        if text is not None:
            settings[name] = _words(text, known, f"--{name}")
    project_id = id_of(client, project)
    settings["label_ids"] = [client.label_id(project_id, name) for name in label or []]
    settings["label_ids"] = settings["label_ids"] or [one["id"] for one in client.labels(project_id)]
    measurable = (c["id"] for c in client.evaluation_cases(project_id) if unfinished or c["state"] in DONE)
    settings["case_ids"] = case or list(measurable)
    if not settings["case_ids"]:
        raise NothingToMeasure(
            "No submitted or accepted case has masks.", hint="--unfinished takes the others, too (`assist` only)."
        )
    job = client.start_evaluation(project_id, **settings)
    if not wait:
        return Told(job, job["id"])
    waited(client, job, "Measuring")
    return _measured(client.evaluation(job["id"]))


@evaluation_app.command("list")
@asks
def evaluation_list(client: Client, project: ProjectName) -> Told:
    """List the evaluations, the newest first."""
    found = list(client.evaluations(id_of(client, project)))
    rows = []
    for one in found:
        how_far = f"{one['progress']:.0%}" if one["state"] == "running" else ""
        best = one["result"]["setting"] if one["result"] else how_far
        rows.append([one["id"], one["created_at"], one["settings"]["protocol"], one["author"], one["state"], best])
    return Told(found, rows)


@evaluation_app.command("show")
@asks
def evaluation_show(client: Client, evaluation: EvaluationId) -> Told:
    """Wait until an evaluation is done and print its scores."""
    found = client.evaluation(evaluation)
    if found["state"] in ("queued", "running"):
        waited(client, client.job(evaluation), "Measuring")
        found = client.evaluation(evaluation)
    return _measured(found)


@evaluation_app.command("download")
@asks
def evaluation_download(
    client: Client,
    evaluation: EvaluationId,
    out: OutFolder = Path("."),
    file: Annotated[
        str | None, typer.Option(help="One file alone: report.md, results.csv, protocol.json, plots/NAME.")
    ] = None,
    unpack: Annotated[bool, typer.Option("--unpack", help="Unpack the report into a folder.")] = False,
) -> Told:
    """Download the report, tables and plots, and print its path."""
    if file is not None:
        return file_told(client.evaluation_file(evaluation, file, out))
    told = fetched("Downloading", lambda on_bytes: client.download_evaluation(evaluation, out, on_bytes=on_bytes))
    if not unpack:
        return told
    packed = Path(told.value["path"])
    folder = packed.with_suffix("")
    with zipfile.ZipFile(packed) as archive:
        archive.extractall(folder)
    packed.unlink()
    return Told({"path": str(folder)}, str(folder))


def _measured(found: dict[str, Any]) -> Told:
    problem, result = found["problem"], found["result"]
    if result is None:
        why = f"{problem['title']}: {problem['detail']}" if problem else f"It is {found['state']}."
        return Told(found, [], [why], 1)
    rows = [[score["method"], f"{score['dice']:.3f}"] for score in result["scores"]]
    return Told(found, [["id", found["id"]], ["Dice at", result["setting"]], *rows], result["left_out"])


def _numbers(text: str, option: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError as error:
        raise typer.BadParameter(f"'{text}' is not a list of numbers such as 2,5.", param_hint=option) from error


def _words(text: str, known: Any, option: str) -> list[str]:
    words = text.split(",")
    if not set(words) <= set(get_args(known)):
        raise typer.BadParameter(f"'{text}' is not some of {_all(known)}.", param_hint=option)
    return words
