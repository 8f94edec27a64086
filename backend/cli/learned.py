"""`sammed learned`: what was learned in a project of a running server, and what a label's next cases start from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from backend.cli.asking import OutFolder, ProjectName, Told, asks, file_told, group, id_of

if TYPE_CHECKING:
    from backend.client import Client

learned_app = group("Prompts and networks that were learned in a project of a running server.")

PromptId = Annotated[str, typer.Argument(help="Id of the learned prompt, as `sammed learned list` shows it.")]
Label = Annotated[str | None, typer.Option(help="Only of this label.")]


@learned_app.command("list")
@asks
def learned_list(client: Client, project: ProjectName, label: Label = None) -> Told:
    """List the learned prompts, the newest first: from how many slices, the estimated gain in Dice, where in use."""
    project_id = id_of(client, project)
    names = {one["id"]: one["name"] for one in client.labels(project_id)}
    found = list(client.learned_prompts(project_id, client.label_id(project_id, label) if label else None))
    rows = []
    for one in found:
        uses = {"answers clicks": one["active"], "kept for the project": one["warm_start"]}
        verdict = f"{one['verdict']['gain']:+.3f}"
        in_use = ", ".join(use for use, on in uses.items() if on)
        examples = f"{one['examples']} slices"
        rows.append([one["id"], names.get(one["label_id"]), one["learned_by"], examples, verdict, in_use])
    return Told(found, rows)


@learned_app.command("networks")
@asks
def learned_networks(client: Client, project: ProjectName, label: Label = None) -> Told:
    """List the SAP-Nets that proposed masks, the newest first."""
    project_id = id_of(client, project)
    names = {one["id"]: one["name"] for one in client.labels(project_id)}
    found = list(client.networks(project_id, client.label_id(project_id, label) if label else None))
    rows = []
    for one in found:
        examples = f"{len(one['description']['examples'])} slices"
        proposed = f"proposed {one['proposed']}"
        rows.append([one["job_id"], names.get(one["label_id"]), one["learned_by"], examples, proposed])
    return Told(found, rows)


@learned_app.command("keep")
@asks
def learned_keep(client: Client, prompt: PromptId) -> Told:
    """Keep a learned prompt for the project: the label's next cases start from it."""
    label = client.keep_learned_prompt(client.learned_prompt(prompt)["label_id"], prompt)
    return Told(label, f"{label['name']} starts from it")


@learned_app.command("drop")
@asks
def learned_drop(
    client: Client, project: ProjectName, label: Annotated[str, typer.Argument(help="Name of the label.")]
) -> Told:
    """Let a label's next cases start from the plain model again."""
    made = client.keep_learned_prompt(client.label_id(id_of(client, project), label), None)
    return Told(made, f"{made['name']} starts from the plain model")


@learned_app.command("switch")
@asks
def learned_switch(
    client: Client,
    prompt: PromptId,
    on: Annotated[bool, typer.Option("--on/--off", help="Whether it answers your clicks where it was learned.")],
) -> Told:
    """Switch one of your own learned prompts on or off."""
    return Told(client.switch_learned_prompt(prompt, on), "on" if on else "off")


@learned_app.command("download")
@asks
def learned_download(
    client: Client,
    what: Annotated[str, typer.Argument(help="Id of a learned prompt, or with --network of a network.")],
    network: Annotated[bool, typer.Option("--network", help="It is a network.")] = False,
    out: OutFolder = Path("."),
) -> Told:
    """Download it as safetensors, for `workers.sammed`, and print its path."""
    return file_told((client.download_network if network else client.download_learned_prompt)(what, out))
