"""What works and what does not, seen from the API process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from typing import Literal

from backend.db.session import Database
from backend.domain.jobs import ModelMissing, NoWorker, QueueName
from backend.errors import AppError
from backend.services.segmentation import Segmentation
from backend.stores.embeddings import Embeddings
from backend.stores.objects import Objects
from backend.stores.queue import JobQueue

Health = Literal["ok", "down"]


@dataclass(frozen=True, slots=True)
class SystemStatus:
    version: str
    database: Health
    redis: Health
    cache: Health
    workers: dict[str, int]
    model: str
    problems: tuple[AppError, ...]


class System:
    def __init__(
        self, db: Database, queue: JobQueue, embeddings: Embeddings, objects: Objects, segmentation: Segmentation
    ) -> None:
        self._db = db
        self._queue = queue
        self._embeddings = embeddings
        self._objects = objects
        self._segmentation = segmentation

    def need_ready(self) -> None:
        """Raises the first thing that keeps this process from serving requests."""
        for ping in (self._db.ping, self._queue.ping, self._objects.ping):
            ping()

    def status(self) -> SystemStatus:
        problems: list[AppError] = []
        database = _health(self._db.ping, problems)
        redis = _health(self._queue.ping, problems)
        cache = _health(self._embeddings.ping, problems)
        workers = dict.fromkeys((str(name) for name in QueueName), 0)
        model = self._segmentation.default_model
        if redis == "ok":
            workers = {str(name): count for name, count in self._queue.worker_counts().items()}
            idle = [name for name, count in workers.items() if not count]
            if idle:
                problems.append(
                    NoWorker(
                        f"No worker process serves: {', '.join(idle)}.",
                        hint="`sammed up` starts them and restarts what dies; its output tells what happened.",
                    )
                )
            elif model not in self._segmentation.models():
                problems.append(
                    ModelMissing(
                        f"No running worker has the model '{model}'.",
                        hint=f"`sammed models pull {model}`, then restart.",
                    )
                )
        return SystemStatus(version("sammed"), database, redis, cache, workers, model, tuple(problems))


def _health(ping: Callable[[], None], problems: list[AppError]) -> Health:
    try:
        ping()
    except AppError as error:
        problems.append(error)
        return "down"
    return "ok"
