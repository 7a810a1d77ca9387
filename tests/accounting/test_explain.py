"""Explanations: every line's arithmetic comes out, and none contradicts the receipt."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from basis.accounting.agreement import Agreement
from basis.accounting.explain import Explanation, explain, explanation_json, load_explanation
from basis.accounting.posting import JobFacts, as_breakdown_record, compute_finished_job
from basis.rules.catalog import ModelKind
from basis.rules.epochs import EPOCHS, Activation, EpochBook, ModelPrice, PricingEpoch
from basis.rules.errors import DamagedRecord
from basis.rules.factors import Factors, Measurements
from basis.rules.job import JobStatus
from basis.rules.pricing import apply_offer, compute_charge, compute_list_terms
from basis.rules.reward import Penalty, compute_reward
from basis.rules.units import AmountRaw, Bps, Micros, TokenCount
from basis.storage.receipt_details import PenaltyRecord
from basis.storage.receipt_store import StoredReceipt
from basis.storage.schema import workers
from tests.accounting.formulas import evaluate
from tests.support.books import (
    HELD_TOKENS,
    agree,
    fill_books,
    make_facts,
    make_lost_facts,
    make_postpaid_facts,
)

NEW_EPOCH = PricingEpoch(
    version="2026-12-test",
    is_placeholder=False,
    prompt_price=77_777_777,
    output_price=333_333_331,
    model_prices=(ModelPrice(model="basis-tiny", prompt_price=91, output_price=123_456_789),),
    utilisation_bps=Bps(10_333),
    supply_bps=Bps(9_111),
    demand_bps=Bps(12_345),
    worker_floor_price=1_000_003,
    basis_raw_per_microcredit=10**11 + 7,
    protocol_fee_bps=Bps(1_234),
)
BOOK = EpochBook([Activation(epoch=NEW_EPOCH, effective_from="2026-12-01T00:00:00.000Z")])


def stored(facts: JobFacts) -> StoredReceipt:
    """The receipt of `facts` as it is read from the store."""
    job = compute_finished_job(facts)
    return StoredReceipt(
        seq=1,
        recorded_hash=job.receipt_hash,
        core=job.core,
        status=job.status,
        details=job.details,
        reward_status=job.reward_status,
        batch_hash=None,
        misfiled_column="",
    )


def explain_facts(facts: JobFacts, book: EpochBook = BOOK) -> Explanation:
    """The explanation of a job, with what it books."""
    return explain(stored(facts), epochs=book, entry=compute_finished_job(facts).entry, batch=None)


def results(explanation: Explanation) -> dict[str, str]:
    """Each line's result, by its label."""
    return {line.label: line.result for line in explanation.lines}


def expect_sound(explanation: Explanation) -> None:
    """Holds each line to its own arithmetic, and those that matter to the receipt."""
    for line in explanation.lines:
        assert line.result, line
        assert line.formula or line.note or line.step == "ledger" or line.table, line
        if line.formula:
            assert evaluate(line.formula) == line.result, line
    receipt, found = explanation.receipt, results(explanation)
    parts = receipt.details.breakdown
    assert found["reward"] == str(receipt.core.worker_reward_raw)
    assert found["charge in BASIS"] == str(receipt.core.total_charged_raw)
    if receipt.status is JobStatus.COMPLETED:
        for label, amount in (
            ("protocol fee", parts.fee_raw),
            ("pool", parts.pool_raw),
            ("gross reward", parts.gross_raw),
            ("unearned", parts.unearned_raw),
            ("dust", parts.dust_raw),
            ("quality", str(receipt.core.quality_bps)),
            ("uptime", str(receipt.core.uptime_bps)),
            ("latency", str(receipt.core.latency_bps)),
        ):
            assert found[label] == amount


def agreed(facts: JobFacts, epoch: PricingEpoch, **offer: int) -> JobFacts:
    """The same job, priced by an epoch, or by a worker's offer."""
    terms = compute_list_terms(
        epoch, model_id=facts.model_id, catalog_multiplier_bps=facts.multiplier_bps
    )
    if offer:
        terms = apply_offer(terms, offer_hash="ab" * 32, **offer)
    most = compute_charge(
        terms,
        prompt_tokens=facts.prompt_tokens,
        output_tokens=max(HELD_TOKENS, facts.output_tokens),
    )
    return replace(
        facts,
        versions=msgspec.structs.replace(facts.versions, pricing=epoch.version),
        agreement=Agreement(
            key_id="key_1",
            terms=terms,
            locked_at=facts.created_at,
            held_microcredits=most.microcredits,
        ),
    )


SLOW = Measurements(
    online_minutes=700,
    first_token_us=Micros(700_001),
    inter_token_us=Micros(31_003),
    prompt_tokens=13,
)
JOBS = {
    "plain": make_facts(1),
    "slow, offline half the day": make_facts(1, measured=SLOW),
    "too slow for every step": make_facts(
        1, measured=replace(SLOW, online_minutes=0, inter_token_us=Micros(10**9))
    ),
    "judged as half good": make_facts(1, measured=replace(SLOW, quality_bps=Bps(4_999))),
    "without a wallet": make_facts(1, worker_wallet=""),
    "empty answer": make_facts(1, output_tokens=TokenCount(0)),
    "embedding": make_facts(1, kind=ModelKind.EMBEDDING, output_tokens=TokenCount(0)),
    "free model": make_facts(1, model_id="basis-echo", multiplier_bps=Bps(0)),
    "postpaid": make_postpaid_facts(1),
    "postpaid, slow": make_postpaid_facts(1, measured=SLOW),
    "postpaid, empty": make_postpaid_facts(1, output_tokens=TokenCount(0)),
    "failed": make_lost_facts(1, JobStatus.FAILED),
    "cancelled": make_lost_facts(1, JobStatus.CANCELLED),
    "by the operator's epoch": agreed(make_facts(1, measured=SLOW), NEW_EPOCH),
    "by an epoch without a row": agreed(
        make_facts(1, model_id="own", multiplier_bps=Bps(33_333)), NEW_EPOCH
    ),
    "by an offer": agreed(
        make_facts(1, measured=SLOW), EPOCHS[-1], prompt_price=7, output_price=999_999
    ),
}


@pytest.mark.parametrize("facts", JOBS.values(), ids=JOBS.keys())
def test_explanation__of_each_kind_of_job__comes_out_line_by_line(facts: JobFacts) -> None:
    expect_sound(explain_facts(facts))


@given(
    prompt=st.integers(0, 200_000),
    output=st.integers(0, 200_000),
    first_us=st.integers(0, 10**8),
    inter_us=st.integers(0, 10**6),
    minutes=st.integers(0, 1_440),
    quality=st.integers(0, 10_000),
    epoch=st.sampled_from([EPOCHS[-1], NEW_EPOCH]),
)
def test_explanation__of_any_job__comes_out_line_by_line(
    prompt: int,
    output: int,
    first_us: int,
    inter_us: int,
    minutes: int,
    quality: int,
    epoch: PricingEpoch,
) -> None:
    facts = make_facts(
        1,
        prompt_tokens=TokenCount(prompt),
        output_tokens=TokenCount(output),
        agreement=agree(make_facts(1)),
        measured=Measurements(
            online_minutes=minutes,
            first_token_us=Micros(first_us),
            inter_token_us=Micros(inter_us),
            prompt_tokens=prompt,
            quality_bps=Bps(quality),
        ),
    )

    expect_sound(explain_facts(agreed(facts, epoch)))


@pytest.mark.parametrize("status", [JobStatus.COMPLETED, JobStatus.FAILED])
@pytest.mark.parametrize("amounts", [(1,), (5, 7), (10**30,), (3, 10**30)])
def test_explanation__with_penalties__names_each_reason_and_what_is_owed(
    status: JobStatus, amounts: tuple[int, ...]
) -> None:
    facts = make_facts(1) if status is JobStatus.COMPLETED else make_lost_facts(1, status)
    receipt = stored(facts)
    core = receipt.core
    breakdown = compute_reward(
        status=status,
        worker_wallet=core.worker_wallet,
        charge_raw=core.total_charged_raw,
        fee_bps=Bps(1_000),
        factors=Factors(
            quality_bps=core.quality_bps,
            uptime_bps=core.uptime_bps,
            latency_bps=core.latency_bps,
        ),
        penalties=[Penalty(reason=f"why-{a}", amount_raw=AmountRaw(a)) for a in amounts],
    )
    punished = replace(
        receipt,
        core=replace(core, worker_reward_raw=breakdown.reward_raw),
        details=msgspec.structs.replace(
            receipt.details,
            breakdown=as_breakdown_record(breakdown),
            penalties=tuple(
                PenaltyRecord(reason=f"why-{amount}", amount_raw=str(amount)) for amount in amounts
            ),
        ),
    )

    explanation = explain(punished, epochs=BOOK, entry=None, batch=None)

    expect_sound(explanation)
    reasons = {line.note for line in explanation.lines if line.label == "penalty"}
    assert reasons == {f"why-{amount}" for amount in amounts}
    owed = results(explanation)["penalties owed"]
    assert owed == str(breakdown.penalty_owed_raw)


def test_explanation__of_whole_books__is_sound_and_names_entry_and_batch(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(workers.delete())
        books = fill_books(connection)

    with engine.connect() as connection:
        found = {
            number: load_explanation(connection, f"job_{number:04}") for number in range(1, 12)
        }
        again = load_explanation(connection, found[2].receipt.recorded_hash)
    for explanation in found.values():
        expect_sound(explanation)
    assert again == found[2]
    assert results(found[2])["batch"] == books.pending
    assert "batch" not in results(found[10])
    assert results(found[5])["entry"] == "none"
    postings = [line for line in found[2].lines if line.unit.startswith("base units of CREDIT")]
    assert sum(int(line.result) for line in postings) == 0


def test_explanation__of_an_offer__names_it_in_the_lists_place() -> None:
    lines = explain_facts(JOBS["by an offer"]).lines

    assert [line.result for line in lines if line.label.endswith("price")] == ["7", "999999"]
    assert all("ab" * 32 in line.note for line in lines if line.label.endswith("price"))


def test_explanation__of_the_operators_epoch__says_from_when_it_prices() -> None:
    lines = explain_facts(JOBS["by the operator's epoch"]).lines

    (line,) = (one for one in lines if one.label == "pricing epoch")
    assert (line.table, line.date) == ("2026-12-test", "2026-12-01T00:00:00.000Z")
    assert "placeholder" not in line.note


def test_explanation__by_an_epoch_that_is_not_known__is_damage() -> None:
    with pytest.raises(DamagedRecord, match="2026-12-test"):
        explain_facts(JOBS["by the operator's epoch"], EpochBook())


def test_explanation__of_prices_that_are_not_the_epochs__says_so() -> None:
    facts = JOBS["plain"]
    assert facts.agreement is not None
    terms = replace(facts.agreement.terms, output_price=1)
    explanation = explain_facts(replace(facts, agreement=replace(facts.agreement, terms=terms)))

    expect_sound(explanation)
    assert any("not the epoch's list price" in line.note for line in explanation.lines)


def test_explanation__as_json__has_every_line_under_its_names() -> None:
    published = explanation_json(explain_facts(JOBS["plain"]))

    lines = msgspec.json.decode(msgspec.json.encode(published))["lines"]
    assert {name for line in lines for name in line} == {
        *("step", "label", "result", "unit", "formula", "table", "date", "note")
    }
    assert [line["step"] for line in lines] == sorted(
        (line["step"] for line in lines),
        key=["tokens", "price", "charge", "reward", "points", "ledger", "batch"].index,
    )
