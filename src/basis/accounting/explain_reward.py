"""The second half of an explanation: from the charge to the reward, and to the points."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from basis.accounting.explain_line import BASIS_RAW, BPS, ExplainLine
from basis.rules.factors import MINUTES_PER_DAY, FactorTables, tables_of_version
from basis.rules.job import JobStatus
from basis.rules.points import LLAMA_DIVISOR, WAIFU_DIVISOR
from basis.rules.points_tables import points_table_of_version
from basis.rules.postpaid_pricing import postpaid_epoch_of
from basis.rules.units import LLAMA, WHOLE_BPS
from basis.storage.receipt_details import BreakdownRecord, PointsRecord
from basis.storage.receipt_store import StoredReceipt

_reward = partial(ExplainLine, step="reward")
_raw = partial(ExplainLine, step="reward", unit=BASIS_RAW)
_WHOLE_CUBED = 10_000**3


def explain_reward(receipt: StoredReceipt) -> Iterator[ExplainLine]:
    """Fee, pool, factors, penalties, and what each party got.

    Raises:
        InvalidInput: the receipt names tables that were never published.
    """
    parts = receipt.details.breakdown
    if receipt.status is not JobStatus.COMPLETED:
        yield _raw(
            label="reward",
            result=parts.reward_raw,
            note="a job that did not complete charges and pays nothing",
        )
        yield from _penalties(receipt, parts)
        return
    fee_bps = _fee_bps(receipt)
    yield _raw(
        label="protocol fee",
        result=parts.fee_raw,
        formula=f"floor({parts.charge_raw} * {fee_bps} / 10000)",
        table=receipt.details.versions.pricing,
        note=f"{fee_bps} bps of the charge, rounded down",
    )
    yield _raw(
        label="pool",
        result=parts.pool_raw,
        formula=f"{parts.charge_raw} - {parts.fee_raw}",
        note="what the worker can earn at most",
    )
    yield from _explain_factors(receipt, tables_of_version(receipt.details.versions.factors))
    yield from _share_out(receipt, parts)


def explain_points(receipt: StoredReceipt) -> Iterator[ExplainLine]:
    """The points, or why there are none.

    Raises:
        InvalidInput: the receipt names a table that was never published.
    """
    record = receipt.details.points
    if record is None:
        yield ExplainLine(
            step="points", label="points", result="none", note="the receipt is older than points"
        )
        return
    table = points_table_of_version(record.table)
    line = partial(ExplainLine, step="points", table=table.version, date=table.effective_from)
    is_llm = record.asset == LLAMA.symbol
    yield line(
        label="units",
        result=str(record.units),
        unit="tokens" if is_llm else "pixel-steps",
        formula=f"{receipt.core.prompt_tokens} + {receipt.core.output_tokens}" if is_llm else "",
        note="prompt plus output tokens" if is_llm else "width x height x steps",
    )
    yield line(
        label="multiplier",
        result=str(record.multiplier_bps),
        unit=BPS,
        note="the table's row of the model, or the multiplier that it was priced with",
    )
    yield line(label="boost", result=str(record.boost_bps), unit=BPS, note=_boost_note(record))
    unit = f"base units of {record.asset}"
    if record.reason:
        words = f"no points: {record.reason.replace('_', ' ')}"
        yield line(label="points", result=record.amount_raw, unit=unit, note=words)
        return
    product = (
        f"{record.units} * {record.multiplier_bps} * {record.quality_bps} * {record.latency_bps} "
        f"* {record.boost_bps}"
    )
    yield line(
        label="points",
        result=record.amount_raw,
        unit=unit,
        formula=f"floor({product} / {LLAMA_DIVISOR if is_llm else WAIFU_DIVISOR})",
        note="units x multiplier x quality x latency x boost, rounded down once",
    )


def _fee_bps(receipt: StoredReceipt) -> int:
    charge = receipt.details.charge
    if charge is not None:
        return charge.protocol_fee_bps
    return postpaid_epoch_of(receipt.details.versions.pricing).protocol_fee_bps


def _explain_factors(receipt: StoredReceipt, tables: FactorTables) -> Iterator[ExplainLine]:
    core, measured = receipt.core, receipt.details.measured
    line = partial(_reward, unit=BPS, table=f"factors {tables.version}", date=tables.effective_from)
    yield line(
        label="quality",
        result=str(core.quality_bps),
        note="no check has found a fault" if core.quality_bps == WHOLE_BPS else "as judged",
    )
    steps = [at_least for at_least, factor in tables.uptime_steps if factor == core.uptime_bps]
    step = f"at least {steps[0]} minutes" if steps else "no step of the table"
    yield line(
        label="uptime",
        result=str(core.uptime_bps),
        note=f"online for {measured.online_minutes} of the last {MINUTES_PER_DAY} minutes: {step}",
    )
    yield from _explain_latency(receipt, tables, line)


def _explain_latency(
    receipt: StoredReceipt, tables: FactorTables, line: partial[ExplainLine]
) -> Iterator[ExplainLine]:
    core, measured = receipt.core, receipt.details.measured
    latency_class = receipt.details.versions.latency_class
    target = tables.latency_targets[latency_class]
    first_target = target.first_token_us + target.per_prompt_token_us * core.prompt_tokens
    first = measured.first_token_us * 10_000 // first_target
    between = measured.inter_token_us * 10_000 // target.inter_token_us
    prompt_us = f"{target.per_prompt_token_us} * {core.prompt_tokens}"
    yield line(
        label="time to the first token",
        result=str(first),
        formula=f"floor({measured.first_token_us} * 10000 / "
        f"({target.first_token_us} + {prompt_us}))",
        note=f"{measured.first_token_us} us, in parts of the target of class {latency_class}",
    )
    yield line(
        label="time between tokens",
        result=str(between),
        formula=f"floor({measured.inter_token_us} * 10000 / {target.inter_token_us})",
        note=f"{measured.inter_token_us} us on average, in parts of the target",
    )
    yield line(
        label="slower of the two",
        result=str(max(first, between)),
        formula=f"max({first}, {between})",
    )
    bounds = [bound for bound, _factor in tables.latency_steps if max(first, between) <= bound]
    step = f"at most {bounds[0]} bps of the target" if bounds else "slower than every step"
    yield line(label="latency", result=str(core.latency_bps), note=step)


def _share_out(receipt: StoredReceipt, parts: BreakdownRecord) -> Iterator[ExplainLine]:
    core = receipt.core
    factors = f"{core.quality_bps} * {core.uptime_bps} * {core.latency_bps}"
    words = "the pool x quality x uptime x latency, rounded down once"
    if not core.worker_wallet:
        factors, words = "0", "the worker has no reward address, so the pool stays unearned"
    yield _raw(
        label="gross reward",
        result=parts.gross_raw,
        formula=f"floor({parts.pool_raw} * {factors} / {_WHOLE_CUBED})",
        note=words,
    )
    yield from _penalties(receipt, parts)
    yield _raw(
        label="reward",
        result=parts.reward_raw,
        formula=f"{parts.gross_raw} - {parts.penalty_collected_raw}",
        note=f"to {core.worker_wallet}" if core.worker_wallet else "",
    )
    withheld = f"floor({parts.pool_raw} * ({_WHOLE_CUBED} - {factors}) / {_WHOLE_CUBED})"
    yield _raw(
        label="unearned",
        result=parts.unearned_raw,
        formula=f"{withheld} + {parts.penalty_collected_raw}",
        note="what factors and penalties withheld",
    )
    yield _raw(
        label="dust",
        result=parts.dust_raw,
        formula=f"{parts.charge_raw} - {parts.fee_raw} - {parts.reward_raw} - {parts.unearned_raw}",
        note="what the two floors left over, so that charge = fee + reward + unearned + dust",
    )


def _penalties(receipt: StoredReceipt, parts: BreakdownRecord) -> Iterator[ExplainLine]:
    penalties = receipt.details.penalties
    for penalty in penalties:
        yield _raw(label="penalty", result=penalty.amount_raw, note=penalty.reason)
    if not penalties:
        return
    total = " + ".join(penalty.amount_raw for penalty in penalties)
    is_completed = receipt.status is JobStatus.COMPLETED
    most = parts.gross_raw if is_completed else "0"
    yield _raw(
        label="penalties collected",
        result=parts.penalty_collected_raw,
        formula=f"min({total}, {most})",
        note="never more than the gross reward",
    )
    yield _raw(
        label="penalties owed",
        result=parts.penalty_owed_raw,
        formula=f"{total} - {parts.penalty_collected_raw}",
        note="what could not be taken",
    )


def _boost_note(record: PointsRecord) -> str:
    if not record.assignment:
        return "nothing is boosted"
    return f"by the boost assignment {record.assignment}"
