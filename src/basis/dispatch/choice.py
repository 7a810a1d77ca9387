"""What one job asks of its worker: whom it may go to, and whom it would rather have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from basis.dispatch.session import WorkerSession


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Both are asked anew whenever a worker is sought, so that a retry is judged as of then."""

    admits: Callable[[WorkerSession], bool]
    """Whether the job may go to this worker at all."""
    rank: Callable[[WorkerSession], tuple[int, ...]]
    """The lowest is taken first; among equals the least loaded."""


def _admit_anybody(_session: WorkerSession) -> bool:
    return True


def _rank_nobody(_session: WorkerSession) -> tuple[int, ...]:
    return ()


ANYBODY = Choice(admits=_admit_anybody, rank=_rank_nobody)
"""The choice of a job that leaves it to the scheduler."""
