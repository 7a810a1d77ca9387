"""Reads a published phase as what it follows from: terms, points, exclusions, times."""

from __future__ import annotations

import json
from typing import Annotated, cast

import msgspec

from basis.rules.canonical import MAX_SAFE_INTEGER, canonical_json
from basis.rules.dates import parse_instant
from basis.rules.errors import BasisError, InvalidInput
from basis.rules.phase_file import (
    PHASE_FILE_VERSION,
    differences,
    find_flaw,
    phase_document,
    phase_file,
    terms_json,
)
from basis.rules.phase_steps import CountedReceipts, Phase, PhaseStatus
from basis.rules.phases import (
    PHASE_RULES_VERSION,
    Appeal,
    AppealDecision,
    Exclusion,
    ExclusionReason,
    PhaseId,
    PhasePool,
    PhaseTerms,
    validate_terms,
    validate_text,
)
from basis.rules.units import parse_raw
from basis.rules.vesting import VestingTerms
from basis.rules.wallet import Wallet, parse_wallet

_Count = Annotated[int, msgspec.Meta(ge=0, le=MAX_SAFE_INTEGER)]


class _Pool(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    pool: str
    points_asset: str
    amount_raw: str


class _Vesting(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    from_: str = msgspec.field(name="from")
    cliff_days: int
    parts: int
    interval_days: int


class _Terms(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    phase: str
    from_: str = msgspec.field(name="from")
    to: str
    appeal_days: int
    pools: tuple[_Pool, ...]
    vesting: _Vesting


class _Receipts(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    closing: _Count
    count: _Count
    late_count: _Count
    last_seq: _Count
    hash: str
    points_tables: tuple[str, ...]


class _Line(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    pool: str
    wallet: str
    points_raw: str


class _Appeal(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    text: str
    filed_at: str
    decision: AppealDecision
    reason: str
    decided_at: str


class _Exclusion(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    wallet: str
    reason: ExclusionReason
    evidence: str
    excluded_at: str
    appeal: _Appeal | None


class _File(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What the rest of a file follows from; what follows is not read but computed again."""

    phase_version: int
    rules: str
    status: PhaseStatus
    terms: _Terms
    opened_at: str
    closed_at: str
    final_at: str
    receipts: _Receipts
    lines: tuple[_Line, ...]
    exclusions: tuple[_Exclusion, ...]


def parse_phase_file(data: bytes) -> tuple[dict[str, object], Phase]:
    """The document as it stands, and the phase that its inputs tell of.

    Raises:
        InvalidInput: it is no phase's file, or of rules that this version does not know.
    """
    try:
        file = msgspec.json.decode(data, type=_File)
        document = cast("dict[str, object]", json.loads(data))
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise InvalidInput(f"this is no file of a closed phase: {error}") from error
    if (file.phase_version, file.rules) != (PHASE_FILE_VERSION, PHASE_RULES_VERSION):
        raise InvalidInput(
            f"the file is of version {file.phase_version} and rules {file.rules[:40]!r}: this "
            f"program does not know them"
        )
    terms = _parse_terms(file.terms)
    validate_terms(terms)
    exclusions = tuple(map(_parse_exclusion, file.exclusions))
    if [one.wallet for one in exclusions] != sorted({one.wallet for one in exclusions}):
        raise InvalidInput("the exclusions are not in the order of their wallets, one for each")
    return document, Phase(
        terms=terms,
        status=file.status,
        opened_at=parse_instant(file.opened_at, param="openedAt"),
        closed_at=parse_instant(file.closed_at, param="closedAt"),
        final_at=parse_instant(file.final_at, param="finalAt") if file.final_at else "",
        counted=CountedReceipts(
            closing=file.receipts.closing,
            count=file.receipts.count,
            late_count=file.receipts.late_count,
            last_seq=file.receipts.last_seq,
            hash=file.receipts.hash,
            tables=file.receipts.points_tables,
        ),
        points=_parse_points(file.lines),
        exclusions=exclusions,
    )


def find_file_difference(data: bytes) -> tuple[Phase, str | None]:
    """The phase that a file tells of, and the first figure in it that does not follow; None if all
    do.

    Raises:
        InvalidInput: it is no phase's file, or of rules that this version does not know.
    """
    document, phase = parse_phase_file(data)
    try:
        flaw = find_flaw(phase) or next(differences(document, phase_document(phase)), None)
        if flaw is None and phase_file(phase) != data:
            flaw = "the file is not spelt as basis writes it"
    except BasisError as error:
        flaw = error.message
    return phase, flaw


def parse_phase_terms(text: str) -> PhaseTerms:
    """The terms whose canonical JSON is `text`, as a published phase has them.

    Raises:
        InvalidInput: it is no such JSON, or says what no phase can be opened with.
    """
    try:
        terms = _parse_terms(msgspec.json.decode(text.encode(), type=_Terms))
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise InvalidInput(f"these are no terms of a phase: {error}") from error
    validate_terms(terms)
    if canonical_json(terms_json(terms)).decode() != text:
        raise InvalidInput("the terms are not spelt as basis writes them")
    return terms


def _parse_terms(terms: _Terms) -> PhaseTerms:
    vesting = terms.vesting
    return PhaseTerms(
        id=PhaseId(terms.phase),
        starts_at=terms.from_,
        ends_at=terms.to,
        appeal_days=terms.appeal_days,
        pools=tuple(
            PhasePool(
                name=pool.pool,
                points_asset=pool.points_asset,
                amount_raw=parse_raw(pool.amount_raw, param="amountRaw"),
            )
            for pool in terms.pools
        ),
        vesting=VestingTerms(
            starts_at=vesting.from_,
            cliff_days=vesting.cliff_days,
            parts=vesting.parts,
            interval_days=vesting.interval_days,
        ),
    )


def _parse_points(lines: tuple[_Line, ...]) -> dict[tuple[str, Wallet], int]:
    points: dict[tuple[str, Wallet], int] = {}
    for line in lines:
        key = (line.pool, _parse_owner(line.wallet))
        if key in points:
            raise InvalidInput(f"{line.wallet} has two lines in the pool {line.pool[:40]!r}")
        points[key] = parse_raw(line.points_raw, param="pointsRaw")
    return points


def _parse_exclusion(one: _Exclusion) -> Exclusion:
    appeal = one.appeal
    return Exclusion(
        wallet=_parse_owner(one.wallet),
        reason=one.reason,
        evidence=validate_text(one.evidence, param="evidence"),
        excluded_at=parse_instant(one.excluded_at, param="excludedAt"),
        appeal=None if appeal is None else _parse_appeal(appeal),
    )


def _parse_appeal(appeal: _Appeal) -> Appeal:
    return Appeal(
        text=validate_text(appeal.text, param="text"),
        filed_at=parse_instant(appeal.filed_at, param="filedAt"),
        decision=appeal.decision,
        reason=validate_text(appeal.reason, param="reason") if appeal.reason else "",
        decided_at=parse_instant(appeal.decided_at, param="decidedAt") if appeal.decided_at else "",
    )


def _parse_owner(text: str) -> Wallet:
    wallet = parse_wallet(text, param="wallet")
    if wallet != text:
        raise InvalidInput(f"the wallet {text} is not in its EIP-55 form", param="wallet")
    return wallet
