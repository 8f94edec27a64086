"""Numbers for Prometheus: requests, clicks, jobs. One registry per process graph, so that tests do not share it."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Histogram


class Metrics:
    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Histogram(
            "sammed_request_seconds",
            "Time to answer a request.",
            ["method", "route", "status"],
            registry=self.registry,
            buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30),
        )
