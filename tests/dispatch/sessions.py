"""Sessions and leases for unit tests, without a socket."""

from __future__ import annotations

from basis.dispatch.lease import Lease
from basis.dispatch.session import WorkerSession
from basis.rules.job import JobId
from basis.wire.frames import Chunk, Hardware


def make_session(
    worker_id: str = "w1", *, models: tuple[str, ...] = ("m",), slots: int = 1
) -> WorkerSession:
    """A session as the link opens it after a good hello."""
    return WorkerSession(
        session_id=f"session-of-{worker_id}",
        worker_id=worker_id,
        wallet="0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        runtime="llamacpp",
        models=frozenset(models),
        slots=slots,
        hardware=Hardware(kind="cpu", name="test"),
        window=8,
    )


def make_lease(*, window: int = 8) -> Lease:
    """A lease of job `j1` on worker `w1`."""
    return Lease(lease_id="j1.1", job_id=JobId("j1"), worker_id="w1", model="m", window=window)


def make_chunk(seq: int, text: str = "x") -> Chunk:
    """Chunk number `seq` of `make_lease`."""
    return Chunk(lease_id="j1.1", seq=seq, text=text)
