"""What a server measures of itself, for Prometheus."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

CONTENT_TYPE = CONTENT_TYPE_LATEST
MULTIPROCESS = "PROMETHEUS_MULTIPROC_DIR"
"""The environment variable for a folder in which the processes of one server add up what they measure."""

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 1024, 4096)


class Metrics:
    """Counters, histograms and gauges of one server.

    Attributes:
        requests: by route, model and status.
        seconds: time from a request's arrival to its answer, by route.
        rows: predicted, by model.
        batch_rows: rows of each batch, by model.
        refused: requests that found the queue full or waited too long, by model and status.
        reloads: versions loaded in place of others, by model and result ("ok", "error").
    """

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        registry = {"registry": self._registry, "namespace": "medley"}
        self.requests = Counter("requests", "Requests that were answered", ["route", "model", "status"], **registry)
        self.seconds = Histogram("request_seconds", "Seconds to answer", ["route"], buckets=_SECONDS, **registry)
        self.rows = Counter("rows", "Rows that were predicted", ["model"], **registry)
        self.batch_rows = Histogram("batch_rows", "Rows per batch", ["model"], buckets=_ROWS, **registry)
        self.refused = Counter("refused", "Requests refused for lack of time or room", ["model", "status"], **registry)
        self.reloads = Counter("reloads", "Models loaded again", ["model", "result"], **registry)
        self._waiting = Gauge("waiting_rows", "Rows that wait", ["model"], multiprocess_mode="livesum", **registry)
        self._observers: list[Callable[[], None]] = []

    def watch_queue(self, model: str, waiting_rows: Callable[[], int]) -> None:
        """Measures the length of a queue whenever metrics are asked for."""
        self._observers.append(lambda: self._waiting.labels(model).set(waiting_rows()))

    def text(self) -> bytes:
        """All metrics in the format of Prometheus, of all processes of the server."""
        for observe in self._observers:
            observe()
        registry: Any = self._registry
        if os.environ.get(MULTIPROCESS):
            registry = CollectorRegistry()
            MultiProcessCollector(registry)
        return generate_latest(registry)
