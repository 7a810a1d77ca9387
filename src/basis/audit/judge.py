"""Judges one job by the rules: what its facts come to, before anything is compared.

Tables and terms are looked up once for all the jobs that name them; per job only the plain-integer
cores of `rules/` run.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple, cast

from basis.audit.difference import Difference
from basis.audit.locks import find_lock_flaw
from basis.audit.postings import Postings, job_postings
from basis.audit.receipt_columns import (
    CREATED_AT,
    FACTS,
    LOCKED_AT,
    MODEL,
    MULTIPLIER,
    PENALTY,
    POINTS_FACTS,
    TERMS,
    WALLET,
    Row,
    name_of,
    unusable,
)
from basis.audit.tables import PublishedTables
from basis.audit.terms import JudgingTerms
from basis.rules.catalog import ModelKind
from basis.rules.factors import look_up_factors
from basis.rules.job import JobStatus
from basis.rules.points import LLAMA_DIVISOR, find_llm_row, judge_points
from basis.rules.postpaid_pricing import PostpaidEpoch, compute_postpaid_charge, is_free_by_epoch
from basis.rules.pricing import NO_CHARGE, Charge, PriceTerms, compute_job_charge
from basis.rules.reward import RewardParts, share_charge
from basis.rules.units import AmountRaw, Bps, TokenCount

_ENDED: Final = frozenset({JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED})
_KINDS: Final = {"": None, **{kind.value: kind for kind in ModelKind}}


class JudgedPoints(NamedTuple):
    """`base` is units and multiplier, from which the amount follows beside the factors."""

    asset: str
    base: tuple[int, int]
    reason: str
    amount_raw: int


_NO_POINTS: Final = JudgedPoints("", (0, 0), "", 0)
"""Of a receipt that is older than points."""


class JudgedJob(NamedTuple):
    """What follows from a job's facts, each part in the order of its columns."""

    factors: tuple[int, int, int]
    microcredits: int
    parts: RewardParts
    points: JudgedPoints
    has_entry: bool
    postings: Postings


class Judge:
    """Judges the jobs of one period; `terms` are all of its, number 1 first."""

    def __init__(self, tables: PublishedTables, terms: Sequence[JudgingTerms]) -> None:
        self._tables = tables
        self._terms = terms
        self._points_rows: dict[tuple[str, int], tuple[int, int]] = {}

    def judge(self, row: Row) -> JudgedJob:
        """What the facts in `row` come to.

        Raises:
            Difference: they are such as no table or rule is for.
        """
        facts = cast("tuple[str, str, str, str, int, int, int, int, int]", row[FACTS])
        status, kind, _finish, _failure, _attempts, quality, online, first_us, inter_us = facts
        prompt, output = cast("tuple[int, int]", row[MODEL + 1 : MODEL + 3])
        if status not in _ENDED or kind not in _KINDS or quality > 10_000:
            raise unusable(row, f"status {status!r}, kind {kind!r}, quality {quality}")
        terms = self._terms_of(row)
        is_completed = status == "completed"
        factors = (0, 0, 0)
        charge = NO_CHARGE
        if is_completed:
            uptime, latency = look_up_factors(
                terms.tables, terms.target, online, first_us, inter_us, prompt
            )
            factors = (quality, uptime, latency)
            charge = _charge(row, terms, kind, prompt, output)
        priced = terms.priced or terms.postpaid
        parts = share_charge(
            charge.charge_raw,
            cast("PriceTerms | PostpaidEpoch", priced).protocol_fee_bps,
            *factors,
            is_completed,
            row[WALLET] != "",
            cast("int", row[PENALTY]),
        )
        points = self._points(
            row,
            terms,
            factors,
            prompt + output,
            is_completed=is_completed,
            is_charged=charge.microcredits > 0,
        )
        has_entry = bool(charge.charge_raw or parts[5] or charge.microcredits or points.amount_raw)
        return JudgedJob(
            factors,
            charge.microcredits,
            parts,
            points,
            has_entry,
            job_postings(
                microcredits=charge.microcredits if terms.priced is not None else None,
                parts=parts,
                points_asset=points.asset,
                points_raw=points.amount_raw,
            ),
        )

    def _terms_of(self, row: Row) -> JudgingTerms:
        number = cast("int", row[TERMS])
        if not 1 <= number <= len(self._terms):
            raise unusable(row, f"terms number {number}")
        terms = self._terms[number - 1]
        flaw = find_lock_flaw(
            terms.windows,
            locked_at=cast("str", row[LOCKED_AT]),
            created_at=cast("str", row[CREATED_AT]),
        )
        if flaw:
            raise Difference(f"{name_of(row)}: {flaw}")
        return terms

    def _points(
        self,
        row: Row,
        terms: JudgingTerms,
        factors: tuple[int, int, int],
        tokens: int,
        *,
        is_completed: bool,
        is_charged: bool,
    ) -> JudgedPoints:
        facts = cast("tuple[str, str, int, int, int, str, str, int, int]", row[POINTS_FACTS])
        table, asset, _units, _multiplier, boost, _by, _card, cards, memory = facts
        # Credits and points began together, so a job has both or neither.
        if (table == "") != (terms.postpaid is not None):
            raise unusable(row, f"points by {table!r} for such a job")
        if table == "":
            if any(facts):
                raise unusable(row, "the table of its points")
            return _NO_POINTS
        # No kind of job that an export can have makes images, so none earns WAIFU.
        if table not in self._tables.points or boost < 10_000 or asset != "LLAMA":
            raise unusable(row, f"points of {asset!r} by {table!r} at {boost} bps")
        units = tokens
        multiplier, floor = self._points_row(row, table)
        quality, _uptime, latency = factors
        amount_raw, reason = judge_points(
            units,
            LLAMA_DIVISOR,
            multiplier,
            quality,
            latency,
            boost,
            is_completed,
            row[WALLET] != "",
            (memory if cards else 0) >= floor,
            is_charged,
        )
        base = (units, multiplier)
        return JudgedPoints(asset, base, reason.value, amount_raw)

    def _points_row(self, row: Row, version: str) -> tuple[int, int]:
        """Multiplier and memory floor of the model, by the points table of this version."""
        key = (version, cast("int", row[TERMS]))
        if key not in self._points_rows:
            found = find_llm_row(
                self._tables.points[version],
                model_id=cast("str", row[MODEL]),
                catalog_multiplier_bps=Bps(cast("int", row[MULTIPLIER])),
            )
            self._points_rows[key] = (found.multiplier_bps, found.min_vram_mib)
        return self._points_rows[key]


def _charge(row: Row, terms: JudgingTerms, kind: str, prompt: int, output: int) -> Charge:
    """What a completed job costs."""
    known = _KINDS[kind]
    if terms.priced is not None:
        if known is None:
            raise unusable(row, "the kind of a completed job")
        return compute_job_charge(
            terms.priced, kind=known, prompt_tokens=prompt, output_tokens=output
        )
    epoch = cast("PostpaidEpoch", terms.postpaid)
    if is_free_by_epoch(epoch, kind=known, output_tokens=TokenCount(output)):
        return NO_CHARGE
    charge_raw = compute_postpaid_charge(
        epoch,
        prompt_tokens=TokenCount(prompt),
        output_tokens=TokenCount(output),
        multiplier_bps=terms.multiplier_bps,
    )
    return Charge(microcredits=0, charge_raw=AmountRaw(charge_raw))
