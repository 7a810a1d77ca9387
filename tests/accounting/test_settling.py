"""The life of a batch: closed once, failed, retried; each reward moves with it and is paid once."""

from __future__ import annotations

import random

import pytest
from sqlalchemy import Engine, text

from basis.accounting.recompute import recompute
from basis.accounting.settling import close_batch, fail_batch, retry_batch
from basis.rules.batch import NO_BATCH
from basis.rules.errors import IllegalTransition, NotFound
from basis.rules.job import BatchStatus, RewardStatus
from basis.storage.batch_store import BatchRecord, load_batch, load_batches
from basis.storage.ledger_store import load_balances
from basis.storage.receipt_store import iterate_receipts, load_members
from tests.support.books import ALICE, BOB, NOW, make_facts, make_finished, record

REWARD_RAW = make_finished(1).core.worker_reward_raw


def work(engine: Engine, *numbers: int, worker_id: str = "alice-1", wallet: str = ALICE) -> None:
    """Records completed jobs."""
    with engine.begin() as connection:
        record(
            connection,
            *(make_facts(n, worker_id=worker_id, worker_wallet=wallet) for n in numbers),
        )


def close(engine: Engine) -> BatchRecord:
    """Closes a batch that is not empty."""
    batch = close_batch(engine, now=NOW)
    assert batch is not None
    return batch


def fail(engine: Engine, name: str) -> BatchRecord:
    """Fails a batch."""
    with engine.begin() as connection:
        return fail_batch(connection, name, reason="the keeper was out of gas", now=NOW)


def retry(engine: Engine, name: str) -> BatchRecord:
    """Retries a batch."""
    with engine.begin() as connection:
        return retry_batch(connection, name, now=NOW)


def reward_balances(engine: Engine) -> dict[str, int]:
    """What stands in the reward accounts, which must agree with everything else."""
    with engine.connect() as connection:
        verdict = recompute(connection)
        assert verdict.is_equal, verdict.difference
        return {
            account.removeprefix("reward/"): amount_raw
            for (account, _asset), amount_raw in load_balances(connection).items()
            if account.startswith("reward/")
        }


def reward_statuses(engine: Engine) -> set[RewardStatus]:
    """The states of all rewards."""
    with engine.connect() as connection:
        return {receipt.reward_status for receipt in iterate_receipts(connection)}


def test_close__nothing_earned__makes_no_batch(engine: Engine) -> None:
    assert close_batch(engine, now=NOW) is None

    with engine.connect() as connection:
        assert load_batches(connection, limit=9) == []


def test_close__pending_rewards__pays_each_wallet_the_sum_of_its_receipts(engine: Engine) -> None:
    work(engine, 1, 2)
    work(engine, 3, worker_id="bob-1", wallet=BOB)

    batch = close(engine)

    assert {payout.wallet: payout.amount_raw for payout in batch.payouts} == {
        ALICE: 2 * REWARD_RAW,
        BOB: REWARD_RAW,
    }
    assert (batch.status, batch.is_dry_run) == (BatchStatus.PENDING, True)
    assert (batch.total_raw, batch.receipt_count, batch.attempt) == (3 * REWARD_RAW, 3, 1)
    assert reward_balances(engine) == {
        f"batching/{ALICE}": 2 * REWARD_RAW,
        f"batching/{BOB}": REWARD_RAW,
    }


def test_close__twice__gives_one_hash_and_moves_nothing_again(engine: Engine) -> None:
    work(engine, 1, 2)

    first, second = close(engine), close(engine)

    assert second == first
    with engine.connect() as connection:
        assert len(load_batches(connection, limit=9)) == 1
    assert reward_balances(engine) == {f"batching/{ALICE}": 2 * REWARD_RAW}


def test_close__after_more_work__chains_to_the_batch_before(engine: Engine) -> None:
    batches: list[BatchRecord] = []
    for number in (1, 2, 3):
        work(engine, number)
        batches.append(close(engine))

    assert [batch.previous_hash for batch in batches] == [
        NO_BATCH,
        batches[0].hash,
        batches[1].hash,
    ]
    assert len({batch.hash for batch in batches}) == 3
    with engine.connect() as connection:
        members = [load_members(connection, batch.hash) for batch in batches]
    assert [[member.payable.receipt_hash for member in found] for found in members] == [
        [make_finished(number).receipt_hash] for number in (1, 2, 3)
    ]


def test_close__whatever_the_order_of_the_receipts__gives_the_same_hash(
    engine: Engine, tmp_path_factory: pytest.TempPathFactory
) -> None:
    from basis.storage.database import for_writing, open_database

    hashes: set[str] = set()
    for seed in range(4):
        other = open_database(tmp_path_factory.mktemp("other"), create=True)
        facts = [make_facts(number) for number in range(1, 9)]
        random.Random(seed).shuffle(facts)
        with for_writing(other).begin() as connection:
            record(connection, *facts)
        hashes.add(close(for_writing(other)).hash)
        other.dispose()

    assert len(hashes) == 1


def test_fail__pending_batch__gives_the_rewards_back_and_keeps_the_reason(engine: Engine) -> None:
    work(engine, 1)
    batch = close(engine)

    failed = fail(engine, batch.hash)

    assert (failed.status, failed.reason) == (BatchStatus.FAILED, "the keeper was out of gas")
    assert failed.hash == batch.hash
    assert reward_statuses(engine) == {RewardStatus.PENDING}
    assert reward_balances(engine) == {f"pending/{ALICE}": REWARD_RAW}


def test_close__after_a_failed_batch__does_not_pay_its_receipts_again(engine: Engine) -> None:
    work(engine, 1)
    failed = fail(engine, close(engine).hash)

    assert close(engine) == failed
    work(engine, 2)
    after = close(engine)

    assert (after.receipt_count, after.total_raw) == (1, REWARD_RAW)
    assert after.previous_hash == failed.hash
    assert reward_balances(engine) == {
        f"pending/{ALICE}": REWARD_RAW,
        f"batching/{ALICE}": REWARD_RAW,
    }


def test_retry__failed_batch__has_the_same_hash_and_receipts(engine: Engine) -> None:
    work(engine, 1, 2)
    batch = close(engine)
    fail(engine, batch.hash)

    retried = retry(engine, batch.hash)

    assert (retried.hash, retried.payouts) == (batch.hash, batch.payouts)
    assert (retried.status, retried.attempt, retried.reason) == (BatchStatus.PENDING, 2, "")
    assert reward_statuses(engine) == {RewardStatus.BATCHING}
    assert reward_balances(engine) == {f"batching/{ALICE}": 2 * REWARD_RAW}


def test_fail_and_retry__many_times__neither_make_nor_lose_value(engine: Engine) -> None:
    work(engine, 1)
    batch = close(engine)

    for attempt in range(2, 6):
        fail(engine, batch.hash)
        assert reward_balances(engine) == {f"pending/{ALICE}": REWARD_RAW}
        assert retry(engine, batch.hash).attempt == attempt

    assert reward_balances(engine) == {f"batching/{ALICE}": REWARD_RAW}


def test_retry__batch_that_did_not_fail__is_refused(engine: Engine) -> None:
    work(engine, 1)
    batch = close(engine)

    with pytest.raises(IllegalTransition, match="pending to pending"):
        retry(engine, batch.hash)

    assert reward_balances(engine) == {f"batching/{ALICE}": REWARD_RAW}


def test_fail__twice__is_refused_the_second_time(engine: Engine) -> None:
    work(engine, 1)
    batch = close(engine)
    fail(engine, batch.hash)

    with pytest.raises(IllegalTransition, match="failed to failed"):
        fail(engine, batch.hash)

    assert reward_balances(engine) == {f"pending/{ALICE}": REWARD_RAW}


@pytest.mark.parametrize("step", [fail, retry])
def test_confirmed_batch__any_step__is_refused(engine: Engine, step: object) -> None:
    work(engine, 1)
    batch = close(engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE batches SET status = 'confirmed'"))

    assert callable(step)
    with pytest.raises(IllegalTransition, match="confirmed"):
        step(engine, batch.hash)


@pytest.mark.parametrize("name", ["0", "2", "abc", "f" * 8, "", "1; DROP TABLE batches"])
def test_batch__of_no_such_name__is_not_found(engine: Engine, name: str) -> None:
    work(engine, 1)
    close(engine)

    with pytest.raises(NotFound):
        fail(engine, name)


def test_batch__by_number_hash_or_its_beginning__is_the_same(engine: Engine) -> None:
    work(engine, 1)
    batch = close(engine)

    with engine.connect() as connection:
        found = [load_batch(connection, name) for name in ("1", batch.hash, batch.hash[:8])]
    assert found == [batch] * 3
