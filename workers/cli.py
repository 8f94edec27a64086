"""`python -m workers ...`: the method on plain files, without the web application or its database."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__, pretty_exceptions_enable=False)


@app.callback()
def _commands() -> None:
    """Keeps command names even while there is only one."""


def _data_folder(given: Path | None) -> Path:
    shared = os.environ.get("SAMMED_SHARED", str(Path(__file__).resolve().parents[2] / "shared"))
    return given or Path(shared) / "data" / "train2d"


@app.command("train-bundled")
def train_bundled(
    out: Annotated[Path, typer.Option(help="Folder for checkpoints, weights and the log; resumes from it.")],
    minutes: Annotated[float, typer.Option(help="Length of the whole training by the clock.")] = 90.0,
    data: Annotated[Path | None, typer.Option(help="Folder of training sets.")] = None,
    seed: Annotated[int, typer.Option()] = 0,
    threads: Annotated[int, typer.Option()] = 2,
) -> None:
    """Train the bundled model `sammed-small`."""
    from workers.training.train import TrainConfig, train

    config = TrainConfig(minutes=minutes, seed=seed, threads=threads)
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


def main() -> None:
    """Entry point of `python -m workers`."""
    app()
