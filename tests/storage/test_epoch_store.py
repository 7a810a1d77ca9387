"""An epoch begins after everything that was accepted before it, whatever the clock says now."""

from __future__ import annotations

from pathlib import Path

import pytest

from basis.accounting.recovery import close_lost_jobs
from basis.rules.errors import InvalidInput
from basis.storage.database import begin_write, open_database
from basis.storage.epoch_store import activate_epoch, propose_epoch
from basis.storage.job_store import JobWrite
from tests.support.books import make_open_job
from tests.support.epochs import SPRING
from tests.support.orchestrators import prepare_folder

BACK = "2026-11-21T11:00:00.000Z"
"""The clock was set back by an hour since the job was accepted."""
TOO_EARLY = "2026-11-21T12:00:01.000Z"
LATER = "2026-11-21T12:00:01.001Z"


@pytest.mark.parametrize("is_over", [False, True], ids=["open job", "receipt"])
def test_activate__before_the_newest_job__is_refused(tmp_path: Path, is_over: bool) -> None:
    prepare_folder(tmp_path)
    engine = open_database(tmp_path, create=False)
    with begin_write(engine) as connection:
        job = make_open_job(1)
        JobWrite.apply_group(connection, [JobWrite(opened=job)])
        if is_over:
            close_lost_jobs(connection)
        propose_epoch(connection, SPRING, now=BACK)

        with pytest.raises(InvalidInput, match="for the future only"):
            activate_epoch(connection, "spring", effective_from=TOO_EARLY, now=BACK)
        begun = activate_epoch(connection, "spring", effective_from=LATER, now=BACK)

    engine.dispose()
    assert job.created_at == TOO_EARLY
    assert begun.effective_from == LATER
