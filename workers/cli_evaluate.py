"""`sammed evaluate assist|auto|ablation`: the paper's protocol on files, without web or database.

Everything heavy is imported where it is used. A fault of the user ends with one sentence on standard error and code 2.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from workers.sammed.cases import TrialName
    from workers.sammed.protocol import ProgressCallback

EXIT_BAD_INPUT = 2
MOST_CHARACTERS = 400
"""A sentence that quotes a library is cut here."""

evaluate_app = typer.Typer(no_args_is_help=True, help="Measure the method on annotated volumes or sets of pictures.")

Images = Annotated[list[Path], typer.Option("--image", help="A NIfTI volume; may be repeated.")]
Labels = Annotated[list[Path], typer.Option("--label", help="Its label image, in the same order; may be repeated.")]
CasesFolder = Annotated[
    Path | None, typer.Option("--cases", help="Folder below which image.nii.gz and label.nii.gz lie together.")
]
Sets = Annotated[
    list[Path], typer.Option("--set", help="Zip with images/, masks/ and index.csv, the pictures; may be repeated.")
]
SliceCounts = Annotated[str, typer.Option("--slices", help="Numbers of annotated slices.")]
Repeats = Annotated[int, typer.Option(help="Repeats, each with other annotated slices and other prompts.")]
Seed = Annotated[int, typer.Option(help="The same seed gives the same table.")]
Model = Annotated[str, typer.Option(help="`bundled`, the name of a model, or the path of its weights.")]
LabelWords = Annotated[str, typer.Option("--labels", help="Labels to measure, by value or name; all without it.")]
Merge = Annotated[str, typer.Option(help="Data sets whose label values number the instances of one label, or `all`.")]
Pictures = Annotated[int, typer.Option(help="At most so many pictures of each set.")]
TestSlices = Annotated[int, typer.Option(help="Test at most so many slices of a case, evenly spaced; 0: all.")]
BackgroundSlices = Annotated[int, typer.Option(help="Slices without the label that the generators learn from.")]
Steps = Annotated[int | None, typer.Option(help="Steps of learning a prompt; fewer are faster and worse.")]
Jobs = Annotated[int, typer.Option(help="Processes that share the work.")]
Threads = Annotated[int, typer.Option(help="Threads that each process computes with.")]
ModelsDir = Annotated[Path | None, typer.Option(help="Folder of downloaded models.")]
Out = Annotated[Path | None, typer.Option(help="Folder for results.csv, report.md, its plots and protocol.json.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]


@evaluate_app.command("assist")
def evaluate_assist(
    context: typer.Context,
    image: Images = [],  # noqa: B006
    label: Labels = [],  # noqa: B006
    cases: CasesFolder = None,
    sets: Sets = [],  # noqa: B006
    slices: SliceCounts = "2,5",
    points: Annotated[str, typer.Option(help="Numbers of points per instance.")] = "1,3,5,10",
    prompts: Annotated[str, typer.Option(help="Some of points, boxes, composite.")] = "points,boxes,composite",
    schemes: Annotated[str, typer.Option(help="Some of uniform, center, boundary.")] = "uniform",
    baselines: Annotated[
        str, typer.Option(help="Some of grabcut, random_walker, region_growing; '' for none.")
    ] = "grabcut,random_walker,region_growing",
    baseline_slices: Annotated[int, typer.Option(help="They answer at most so many slices of a case.")] = 5,
    repeats: Repeats = 1,
    seed: Seed = 0,
    model: Model = "bundled",
    labels: LabelWords = "",
    merge: Merge = "",
    pictures: Pictures = 30,
    test_slices: TestSlices = 20,
    steps: Steps = None,
    jobs: Jobs = 1,
    threads: Threads = 1,
    models_dir: ModelsDir = None,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """SAM^assist beside the plain model and classical methods, with the same prompts."""
    _run("assist", context.params)


@evaluate_app.command("auto")
def evaluate_auto(
    context: typer.Context,
    image: Images = [],  # noqa: B006
    label: Labels = [],  # noqa: B006
    cases: CasesFolder = None,
    sets: Sets = [],  # noqa: B006
    slices: SliceCounts = "2,5",
    generators: Annotated[
        str, typer.Option(help="Some of interpolation, propagation, classification, sapnet.")
    ] = "interpolation,propagation,classification,sapnet",
    background_slices: BackgroundSlices = 5,
    repeats: Repeats = 1,
    seed: Seed = 0,
    model: Model = "bundled",
    labels: LabelWords = "",
    merge: Merge = "",
    pictures: Pictures = 30,
    test_slices: TestSlices = 0,
    steps: Steps = None,
    jobs: Jobs = 1,
    threads: Threads = 1,
    models_dir: ModelsDir = None,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """SAM^auto with each of its generators, on the slices that nobody annotated."""
    _run("auto", context.params)


@evaluate_app.command("ablation")
def evaluate_ablation(
    context: typer.Context,
    image: Images = [],  # noqa: B006
    label: Labels = [],  # noqa: B006
    cases: CasesFolder = None,
    sets: Sets = [],  # noqa: B006
    slices: SliceCounts = "5",
    background_slices: BackgroundSlices = 5,
    repeats: Repeats = 1,
    seed: Seed = 0,
    model: Model = "bundled",
    labels: LabelWords = "",
    merge: Merge = "",
    pictures: Pictures = 30,
    test_slices: TestSlices = 0,
    steps: Steps = None,
    jobs: Jobs = 1,
    threads: Threads = 1,
    models_dir: ModelsDir = None,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """SAP-Net part by part, from PANet to the whole."""
    _run("ablation", context.params)


# ---- the work -------------------------------------------------------------------------------------------------------


def _run(command: TrialName, options: Mapping[str, Any]) -> None:
    """Read, measure, write. Nothing is written before all is measured."""
    from backend.errors import AppError
    from workers.sammed.types import SammedError

    try:
        _measure(command, options)
    except (SammedError, AppError, OSError) as error:
        sentence = " ".join(str(error).split())
        if len(sentence) > MOST_CHARACTERS:
            sentence = sentence[:MOST_CHARACTERS].rstrip() + " ..."
        print(f"error: {sentence}", file=sys.stderr)
        raise typer.Exit(EXIT_BAD_INPUT) from error


def _measure(command: TrialName, options: Mapping[str, Any]) -> None:
    import torch

    from backend.settings import Settings
    from workers.evaluation import check_options, describe, find_volumes, protocol_config, read_cases, words
    from workers.sammed.protocol import evaluate, plan
    from workers.sammed.registry import load_sam
    from workers.sammed.report import document, write_report

    check_options(options)
    config = protocol_config(options)
    torch.set_num_threads(options["threads"])
    volumes = [(Path(i), Path(k)) for i, k in zip(options["image"], options["label"], strict=True)]
    if options["cases"]:
        volumes += find_volumes(Path(options["cases"]))
    name = "sammed-small" if options["model"] == "bundled" else options["model"]
    models_dir = Path(options["models_dir"]) if options["models_dir"] else Settings().models_path
    model = load_sam(name, models_dir=models_dir)
    cases = read_cases(
        volumes,
        [Path(path) for path in options["sets"]],
        labels=words(options["labels"]),
        merge=words(options["merge"]),
        pictures=options["pictures"],
        seed=config.seed,
    )
    _, skipped = plan(cases, config)
    for sentence in skipped:
        print(f"left out: {sentence}", file=sys.stderr)
    with _progress(command) as on_progress:
        rows = list(evaluate(command, model, cases, config, jobs=options["jobs"], on_progress=on_progress))
    protocol = describe(command, model, cases, config, skipped)
    if options["out"]:
        write_report(Path(options["out"]), rows, protocol)
        print(Path(options["out"]) / "report.md", file=sys.stderr)
    if options["as_json"]:
        print(json.dumps(document(rows, protocol), indent=1, ensure_ascii=False, allow_nan=False))


@contextmanager
def _progress(command: str) -> Iterator[ProgressCallback]:
    """A bar for a person, a line for each label of a case otherwise; both on standard error."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda done, total, name: print(f"{done}/{total} {name}", file=sys.stderr, flush=True)
        return
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(command, total=None)
        yield lambda done, total, name: bar.update(task, completed=done, total=total, description=name)
