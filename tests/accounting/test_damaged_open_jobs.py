"""An open job whose record was damaged keeps its hold, and no other job from being closed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text

from basis.accounting.recompute import recompute
from basis.accounting.recovery import close_expired_jobs, close_lost_jobs
from basis.gateway.upkeep import expire_holds
from basis.rules.errors import DamagedRecord
from basis.storage.database import for_writing, open_database
from basis.storage.holds import load_available, load_held
from basis.storage.job_store import JobWrite
from basis.storage.receipt_store import iterate_receipts
from tests.support.accounts import open_account, open_jobs, want
from tests.support.books import make_finished
from tests.support.orchestrators import orchestrator, prepare_folder

HELD = 100
FUNDED = 1_000
LATE = "2026-11-22T00:00:00.000Z"
DAMAGES = {
    "versions no JSON": "versions = '{'",
    "versions of nothing": "versions = '{}'",
    "terms no JSON": "terms = 'x'",
    "a price of nothing": "terms = json_set(terms, '$.prompt_price', '-1')",
    "tokens in words": "prompt_tokens = 'many'",
    "tokens below zero": "prompt_tokens = -1",
    "tokens beyond JSON": "prompt_tokens = 12345678901234567",
    "a multiplier beyond JSON": "multiplier_bps = 9223372036854775807",
    "a model that is bytes": "model_id = x'ff00'",
    "a receipt already": "multiplier_bps = multiplier_bps",
}


def change_second(connection: Connection, damage: str) -> None:
    """Damages the row of job 2 behind our back."""
    change = f"UPDATE open_jobs SET {DAMAGES[damage]} WHERE job_id = 'job_0002'"  # noqa: S608 - a constant of ours
    connection.execute(text(change))
    if damage == "a receipt already":
        connection.execute(text("CREATE TEMP TABLE kept AS SELECT * FROM open_jobs"))
        JobWrite.apply_group(connection, [JobWrite(finished=make_finished(2))])
        connection.execute(
            text("INSERT INTO open_jobs SELECT * FROM kept WHERE job_id = 'job_0002'")
        )


@pytest.fixture
def damaged(engine: Engine, request: pytest.FixtureRequest) -> Engine:
    """Ann's three open jobs, of which the second is damaged."""
    with engine.begin() as connection:
        open_account(connection, "ann", credits_raw=FUNDED)
        open_jobs(connection, *(want(number, held=HELD) for number in (1, 2, 3)))
        change_second(connection, request.param)
    return engine


def state(connection: Connection) -> tuple[int | None, int, set[str]]:
    """What Ann can spend, what is held of her, and which jobs have a failed receipt."""
    closed = {
        receipt.core.job_id
        for receipt in iterate_receipts(connection)
        if receipt.status.value == "failed"
    }
    return load_available(connection, "ann"), load_held(connection, "ann"), closed


@pytest.mark.parametrize("damaged", DAMAGES, indirect=True)
@pytest.mark.parametrize("is_start", [True, False], ids=["start", "expiry"])
def test_close__one_is_damaged__closes_the_others_and_keeps_its_hold(
    damaged: Engine, is_start: bool
) -> None:
    told: list[DamagedRecord] = []
    with damaged.begin() as connection:
        if is_start:
            closed = close_lost_jobs(connection, on_damaged=told.append)
        else:
            closed = close_expired_jobs(connection, now=LATE, on_damaged=told.append)

    with damaged.connect() as connection:
        available, held, failed = state(connection)
    assert closed == 2
    assert [error.message.count("job_0002") >= 1 for error in told] == [True]
    assert (held, failed) == (HELD, {"job_0001", "job_0003"})
    assert available is not None
    assert available <= FUNDED - HELD


@pytest.mark.parametrize("damaged", DAMAGES, indirect=True)
def test_close__nobody_listens__raises_and_closes_none(damaged: Engine) -> None:
    with pytest.raises(Exception, match="job_0002"), damaged.begin() as connection:
        close_lost_jobs(connection)

    with damaged.connect() as connection:
        assert state(connection)[1:] == (3 * HELD, set())


@pytest.mark.parametrize("damaged", ["terms no JSON"], indirect=True)
def test_close__once_it_is_mended__releases_its_hold(damaged: Engine) -> None:
    told: list[DamagedRecord] = []
    with damaged.begin() as connection:
        connection.execute(
            text(
                "UPDATE open_jobs SET terms = (SELECT terms FROM open_jobs "
                "WHERE job_id = 'job_0001') WHERE job_id = 'job_0002'"
            )
        )
        closed = close_expired_jobs(connection, now=LATE, on_damaged=told.append)

    with damaged.connect() as connection:
        assert state(connection) == (FUNDED, 0, {"job_0001", "job_0002", "job_0003"})
    assert (closed, told) == (3, [])


def test_expiry__more_damaged_than_one_group__reaches_those_behind_them(engine: Engine) -> None:
    with engine.begin() as connection:
        open_account(connection, "ann", credits_raw=10**6)
        open_jobs(connection, *(want(number, held=1) for number in range(1, 1_202)))
        connection.execute(text("UPDATE open_jobs SET terms = 'x' WHERE job_id <= 'job_1100'"))
        told: list[DamagedRecord] = []

        closed = close_expired_jobs(connection, now=LATE, on_damaged=told.append)

    assert (closed, len(told)) == (101, 1_100)


def damage_folder(folder: Path) -> None:
    """A data folder with three open jobs of Ann's, of which the second cannot be read."""
    prepare_folder(folder)
    engine = open_database(folder, create=False)
    with for_writing(engine).begin() as connection:
        open_account(connection, "ann", credits_raw=FUNDED)
        open_jobs(connection, *(want(number, held=HELD) for number in (1, 2, 3)))
        change_second(connection, "terms no JSON")
    engine.dispose()


async def test_start__over_a_damaged_open_job__goes_on_and_warns(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damage_folder(tmp_path)

    async with orchestrator(tmp_path) as (running, customer):
        again = [await expire_holds(running.context, now="2999-01-01T00:00:00.000Z") for _ in "ab"]
        async with customer.get("/readyz") as response:
            ready: dict[str, Any] = await response.json()
        async with customer.get("/metrics") as response:
            metrics = await response.text()
        with running.context.engine.connect() as connection:
            found = state(connection)

    logged = capsys.readouterr()
    assert (response.status, ready["ready"], again) == (200, True, [0, 0])
    assert ready["warnings"] == ["1 open jobs are damaged: the log names them"]
    assert "basis_damaged_jobs 1.0" in metrics
    assert found == (FUNDED - HELD, HELD, {"job_0001", "job_0003"})
    assert (logged.out + logged.err).count("job_0002") == 1


def test_recompute__over_a_damaged_open_job__names_it(tmp_path: Path) -> None:
    damage_folder(tmp_path)
    engine = open_database(tmp_path, create=False)

    with engine.connect() as connection:
        difference = recompute(connection).difference
    engine.dispose()

    assert difference is not None
    assert "open_jobs with job_id job_0002 is damaged" in difference
