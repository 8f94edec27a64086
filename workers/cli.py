"""`python -m workers ...`: the method on plain files, without the web application or its database."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workers.cli_evaluate import evaluate_app

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__, pretty_exceptions_enable=False)
app.add_typer(evaluate_app, name="evaluate")


def _data_folder(given: Path | None) -> Path:
    shared = os.environ.get("SAMMED_SHARED", str(Path(__file__).resolve().parents[2] / "shared"))
    return given or Path(shared) / "data" / "train2d"


@app.command("train-bundled")
def train_bundled(
    out: Annotated[Path, typer.Option(help="Folder for checkpoints, weights and the log; resumes from it.")],
    minutes: Annotated[float, typer.Option(help="Length of the whole training by the clock.")] = 90.0,
    data: Annotated[Path | None, typer.Option(help="Folder of training sets.")] = None,
    start_from: Annotated[Path | None, typer.Option(help="Weights to go on from; random ones without it.")] = None,
    learning_rate: Annotated[float, typer.Option(help="Peak learning rate.")] = 1.0e-3,
    seed: Annotated[int, typer.Option()] = 0,
    threads: Annotated[int, typer.Option()] = 2,
) -> None:
    """Train the bundled model `sammed-small`."""
    from workers.training.train import TrainConfig, train

    config = TrainConfig(
        minutes=minutes,
        seed=seed,
        start_from=str(start_from or ""),
        learning_rate=learning_rate,
        threads=threads,
    )
    losses: list[tuple[float, float, float]] = []
    out.mkdir(parents=True, exist_ok=True)
    with (out / "log.csv").open("a") as log:
        for r in train(_data_folder(data), out, config):
            losses.append((r.loss, r.iou_first, r.iou_last))
            if r.step % 20 == 0:
                loss, first, last = (sum(column) / len(losses) for column in zip(*losses, strict=True))
                losses.clear()
                line = f"{r.step},{r.elapsed_s:.0f},{r.learning_rate:.2e},{loss:.4f},{first:.3f},{last:.3f}"
                print(line, file=log, flush=True)
                print(line, file=sys.stderr, flush=True)


@app.command("worker")
def worker(
    queues: Annotated[str, typer.Option(help="Queues to serve, most urgent first: click,encode,train,io")],
    burst: Annotated[bool, typer.Option(help="Stop when the queues are empty.")] = False,
) -> None:
    """Serve queues of the web application until stopped."""
    from backend.domain.jobs import QueueName
    from backend.logs import configure_logging
    from backend.settings import Settings
    from workers.runtime import serve

    settings = Settings()
    configure_logging(settings)
    serve(settings, [QueueName(name.strip()) for name in queues.split(",")], burst=burst)


@app.command("evaluate-bundled")
def evaluate_bundled(
    out: Annotated[Path, typer.Option(help="Folder for scores.csv and report.md.")],
    model: Annotated[str, typer.Option(help="Name of a model or path of its weights.")] = "sammed-small",
    data: Annotated[Path | None, typer.Option(help="Folder of training sets.")] = None,
    pictures: Annotated[int, typer.Option(help="Pictures of each set.")] = 30,
    seed: Annotated[int, typer.Option()] = 0,
    threads: Annotated[int, typer.Option()] = 1,
) -> None:
    """Measure a model on patients and sets that the bundled one was not trained on."""
    import torch

    from workers.sammed import load_sam
    from workers.training.evaluate import EvaluationConfig, evaluate, markdown_report, write_scores

    torch.set_num_threads(threads)
    config = EvaluationConfig(pictures_per_set=pictures, seed=seed)
    scores = list(evaluate(load_sam(model), _data_folder(data), config))
    out.mkdir(parents=True, exist_ok=True)
    write_scores(scores, out / "scores.csv")
    report = markdown_report(scores)
    (out / "report.md").write_text(report)
    print(report)


@app.command()
def segment(
    image: Annotated[Path, typer.Option(help="A picture (PNG, JPEG, TIFF) or a uint8 array (.npy).")],
    out: Annotated[Path, typer.Option(help="PNG to write: 255 inside the mask.")],
    point: Annotated[list[str], typer.Option(help="x,y of a foreground point; may be repeated.")] = [],  # noqa: B006
    background: Annotated[list[str], typer.Option(help="x,y of a background point; may be repeated.")] = [],  # noqa: B006
    box: Annotated[str, typer.Option(help="x0,y0,x1,y1, inclusive corner pixels.")] = "",
    model: Annotated[str, typer.Option(help="Name of a model or path of its weights.")] = "sammed-small",
    models_dir: Annotated[Path | None, typer.Option(help="Folder of downloaded models.")] = None,
) -> None:
    """Segment one object of one picture."""
    import numpy as np
    from PIL import Image

    from workers.sammed import Prompts, SammedError, load_sam

    try:
        pixels = np.load(image, allow_pickle=False) if image.suffix == ".npy" else _read_picture(image)
        points = [_numbers(text, 2) for text in [*point, *background]]
        prompts = Prompts(
            np.array(points, np.float32).reshape(-1, 2),
            np.array([1] * len(point) + [0] * len(background), np.int32),
            np.array(_numbers(box, 4), np.float32) if box else None,
        )
        sam = load_sam(model, models_dir=models_dir)
        answer = sam.decode(sam.encode(pixels), prompts)
    except (SammedError, OSError, ValueError) as error:
        raise SystemExit(f"error: {error}") from error
    Image.fromarray(answer.mask.astype(np.uint8) * 255).save(out)
    print(f"{out}: {int(answer.mask.sum())} pixels, predicted IoU {answer.score:.2f}, {sam.name}")


models_app = typer.Typer(no_args_is_help=True, help="Models: which there are, and fetching their weights.")
app.add_typer(models_app, name="models")


@models_app.command("list")
def models_list() -> None:
    """List all models and whether their weights are on this machine."""
    from backend.settings import Settings
    from workers.sammed import available

    for card in available(Settings().models_path):
        size = f"{card.size_bytes / 1e6:.0f} MB" if card.size_bytes else ""
        place = "installed" if card.installed else "not installed"
        print("\t".join((card.name, place, size, card.description, card.licence)))


@models_app.command("pull")
def models_pull(
    name: Annotated[str, typer.Argument(help="Name of a model, as `sammed models list` shows it.")],
) -> None:
    """Download the weights of a model, resuming a broken download, and verify them."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

    from backend.settings import Settings
    from workers.sammed import SammedError, pull

    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    try:
        with Progress(*columns, console=Console(stderr=True)) as bar:
            task = bar.add_task(name, total=None)
            path = pull(
                name,
                Settings().models_path,
                progress=lambda have, total: bar.update(task, completed=have, total=total or None),
            )
    except SammedError as error:
        raise SystemExit(f"error: {error}") from error
    print(path)


def _read_picture(path: Path) -> NDArray[np.uint8]:
    """uint8 [H, W] for grey pictures, [H, W, 3] for others."""
    import numpy as np
    from PIL import Image

    with Image.open(path) as picture:
        if picture.mode.startswith(("I", "F")):
            raise ValueError(f"{path} has more than 8 bits; window it first.")
        return np.array(picture if picture.mode == "L" else picture.convert("RGB"))


def _numbers(text: str, count: int) -> list[float]:
    values = [float(part) for part in text.split(",")]
    if len(values) != count:
        raise ValueError(f"{text!r} should be {count} numbers with commas between.")
    return values


def main() -> None:
    """Entry point of `python -m workers`."""
    app()
