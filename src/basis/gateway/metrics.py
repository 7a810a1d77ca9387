"""What the orchestrator counts for Prometheus. Units stand last in each name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)


class LiveFigures(Protocol):
    """What is read when Prometheus asks, not counted as it happens."""

    def workers_by_state(self) -> dict[str, int]:
        """How many registered workers are in each state."""
        ...

    def jobs_in_flight(self) -> int:
        """Leases that run now."""
        ...

    def damaged_jobs(self) -> int:
        """Open jobs that could not be closed, because their records are damaged."""
        ...

    def jobs_queued(self) -> dict[str, int]:
        """Jobs that wait for a slot, by model."""
        ...


class GatewayMetrics:
    """One registry per orchestrator, so that several can live in one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.jobs = Counter(
            "basis_jobs", "Jobs by model and outcome", ("model", "status"), registry=self.registry
        )
        self.tokens = Counter(
            "basis_tokens",
            "Tokens counted by the gateway for completed jobs",
            ("model", "direction"),
            registry=self.registry,
        )
        self.retries = Counter(
            "basis_job_retries", "Leases given to another worker", registry=self.registry
        )
        self.first_token = Histogram(
            "basis_first_token_seconds",
            "From a job's acceptance to the first frame of its answer",
            ("model",),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.job_seconds = Histogram(
            "basis_job_seconds",
            "From a job's acceptance to its end",
            ("model",),
            buckets=_SECONDS,
            registry=self.registry,
        )

    def watch(self, live: LiveFigures) -> None:
        """Adds the figures that are read on demand."""
        self.registry.register(_LiveCollector(live))


class _LiveCollector(Collector):
    def __init__(self, live: LiveFigures) -> None:
        self._live = live

    def collect(self) -> Iterator[Metric]:
        workers = GaugeMetricFamily(
            "basis_workers", "Registered workers by state", labels=["state"]
        )
        for state, count in self._live.workers_by_state().items():
            workers.add_metric([state], count)
        yield workers
        yield GaugeMetricFamily(
            "basis_jobs_in_flight", "Leases that run now", value=self._live.jobs_in_flight()
        )
        yield GaugeMetricFamily(
            "basis_damaged_jobs",
            "Open jobs whose records are damaged: their credits stay held",
            value=self._live.damaged_jobs(),
        )
        queued = GaugeMetricFamily(
            "basis_jobs_queued", "Jobs that wait for a slot", labels=["model"]
        )
        for model, count in self._live.jobs_queued().items():
            queued.add_metric([model], count)
        yield queued
