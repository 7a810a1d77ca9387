"""Leads a phase through its steps: each is one write transaction, done whole or not at all.

What a step may do is decided by `rules/phase_steps`; here it is read, recorded and booked. Every
step that is repeated with the same content changes nothing. Source: mission P8;
docs/decisions/0017-phases.md.
"""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection, Engine

from basis.accounting.phase_points import OnProgress, count_points
from basis.rules.canonical import sha256_hex
from basis.rules.errors import Conflict
from basis.rules.phase_entries import phase_opened, phase_shared
from basis.rules.phase_file import phase_file, terms_json
from basis.rules.phase_steps import (
    CountedReceipts,
    Phase,
    PhaseStatus,
    advance_closed,
    advance_final,
    decide_appeal,
    exclude,
    file_appeal,
)
from basis.rules.phases import (
    AppealDecision,
    ExclusionReason,
    PhaseResult,
    PhaseTerms,
    validate_terms,
)
from basis.rules.wallet import Wallet
from basis.storage.database import begin_write
from basis.storage.ledger_store import admit_accounts, store_entries
from basis.storage.phase_receipts import (
    find_running_job,
    has_receipts_after,
    load_last_seq,
    load_next_closing,
)
from basis.storage.phase_store import (
    StoredPhase,
    find_phase,
    load_phase,
    load_phases,
    store_closed,
    store_exclusion,
    store_final,
    store_new_phase,
)
from basis.storage.points_store import load_earned_points


def open_phase(connection: Connection, terms: PhaseTerms, *, now: str) -> StoredPhase:
    """Opens a phase and funds its pools; the same terms again are a no-op.

    Raises:
        InvalidInput: the terms cannot be meant.
        Conflict: a phase of this id has other terms, or another phase's time overlaps and counts
            the same points.
    """
    validate_terms(terms)
    pools = tuple(sorted(terms.pools, key=lambda pool: pool.name))
    terms = replace(terms, pools=pools)
    known = find_phase(connection, terms.id)
    if known is not None:
        _expect_same(known.phase.terms, terms)
        return known
    for other in load_phases(connection):
        _refuse_overlap(other.phase.terms, terms)
    phase = Phase(
        terms=terms,
        status=PhaseStatus.OPEN,
        opened_at=now,
        closed_at="",
        final_at="",
        counted=None,
        points={},
        exclusions=(),
    )
    store_new_phase(connection, phase)
    store_entries(connection, [phase_opened(terms)], now=now)
    return load_phase(connection, terms.id)


def close_phase(
    engine: Engine, phase_id: str, *, now: str, on_progress: OnProgress | None = None
) -> StoredPhase:
    """Closes a phase over the points of its time. They are counted before the write lock is taken.

    `on_progress` is called with the sequence number of the receipt that was read.

    Raises:
        NotFound: there is no such phase.
        IllegalTransition: it is not open.
        Conflict: its time has not passed, or a job of its time still runs.
    """
    while True:
        with engine.connect() as connection:
            drafted = _draft_closing(connection, phase_id, now=now, on_progress=on_progress)
        with begin_write(engine) as connection:
            job_id = find_running_job(connection, before=drafted.terms.ends_at)
            if job_id:
                raise Conflict(f"job {job_id} of the time of {phase_id} still runs: close it later")
            counted = drafted.counted
            if counted is None or counted.closing != load_next_closing(connection):
                continue  # another phase was closed meanwhile: count again
            if has_receipts_after(connection, counted.last_seq, before=drafted.terms.ends_at):
                continue  # a job of its time has ended meanwhile
            stored = load_phase(connection, phase_id)
            closed = advance_closed(stored.phase, counted=counted, points=drafted.points, now=now)
            store_closed(connection, closed, counted)
            return load_phase(connection, phase_id)


def exclude_wallet(
    connection: Connection,
    phase_id: str,
    *,
    wallet: Wallet,
    reason: ExclusionReason,
    evidence: str,
    now: str,
) -> StoredPhase:
    """Takes a wallet out of a phase, unless it is final.

    Raises:
        NotFound, IllegalTransition, Conflict, InvalidInput: as `rules.phase_steps.exclude`.
    """
    stored = load_phase(connection, phase_id)
    after = exclude(stored.phase, wallet=wallet, reason=reason, evidence=evidence, now=now)
    return _store_exclusions(connection, stored, after)


def appeal_exclusion(
    connection: Connection, phase_id: str, *, wallet: Wallet, text: str, now: str
) -> StoredPhase:
    """Puts an excluded owner's objection on record, unless the phase is final.

    Raises:
        NotFound, IllegalTransition, Conflict, InvalidInput: as `rules.phase_steps.file_appeal`.
    """
    stored = load_phase(connection, phase_id)
    after = file_appeal(stored.phase, wallet=wallet, text=text, now=now)
    return _store_exclusions(connection, stored, after)


def resolve_appeal(
    connection: Connection,
    phase_id: str,
    *,
    wallet: Wallet,
    decision: AppealDecision,
    reason: str,
    now: str,
) -> StoredPhase:
    """Decides an appeal for good: accepted, the wallet has its share again.

    Raises:
        NotFound, IllegalTransition, Conflict, InvalidInput: as `rules.phase_steps.decide_appeal`.
    """
    stored = load_phase(connection, phase_id)
    after = decide_appeal(stored.phase, wallet=wallet, decision=decision, reason=reason, now=now)
    return _store_exclusions(connection, stored, after)


def finish_phase(engine: Engine, phase_id: str, *, now: str) -> StoredPhase:
    """Shares a closed phase out for good and redeems its points.

    All is computed before the write lock is taken: a closed phase changes only by its exclusions,
    and points that were earned are only redeemed by phases.

    Raises:
        NotFound: there is no such phase.
        IllegalTransition: it is not closed.
        Conflict: it can be appealed still, an appeal is undecided, or the ledger holds fewer
            points than the receipts gave.
    """
    while True:
        with engine.connect() as connection:
            drafted = preview_final(connection, phase_id, now=now)
        entry = phase_shared(drafted.phase.terms.id, drafted.phase.result())
        admitted = admit_accounts(entry)
        with begin_write(engine) as connection:
            before = load_phase(connection, phase_id, with_points=False).phase
            if before.exclusions != drafted.phase.exclusions:
                continue  # an appeal was filed or decided meanwhile
            advance_final(before, now=now)
            store_final(connection, drafted.phase, file_hash=drafted.file_hash)
            store_entries(connection, [entry], now=drafted.phase.final_at, admitted=admitted)
        return drafted


def preview_final(connection: Connection, phase_id: str, *, now: str) -> StoredPhase:
    """The phase as `finish_phase` would leave it; nothing is recorded.

    Raises:
        NotFound, IllegalTransition, Conflict: as `finish_phase`.
    """
    stored = load_phase(connection, phase_id)
    final = advance_final(stored.phase, now=now)
    _expect_earned(connection, final.result())
    return replace(stored, phase=final, file_hash=sha256_hex(phase_file(final)))


def _draft_closing(
    connection: Connection, phase_id: str, *, now: str, on_progress: OnProgress | None
) -> Phase:
    phase = load_phase(connection, phase_id).phase
    closing, last_seq = load_next_closing(connection), load_last_seq(connection)
    nothing = CountedReceipts(
        closing=closing, count=0, late_count=0, last_seq=last_seq, hash="", tables=()
    )
    advance_closed(phase, counted=nothing, points={}, now=now)  # refuses before it counts
    counted, points = count_points(
        connection, phase.terms, closing=closing, last_seq=last_seq, on_progress=on_progress
    )
    return advance_closed(phase, counted=counted, points=points, now=now)


def _store_exclusions(connection: Connection, stored: StoredPhase, after: Phase) -> StoredPhase:
    before = set(stored.phase.exclusions)
    for exclusion in after.exclusions:
        if exclusion not in before:
            store_exclusion(connection, after.terms.id, exclusion)
    return replace(stored, phase=after)


def _expect_same(known: PhaseTerms, terms: PhaseTerms) -> None:
    if known == terms:
        return
    before, after = terms_json(known), terms_json(terms)
    name = next((name for name in before if before[name] != after[name]), "terms")
    raise Conflict(
        f"phase {known.id} exists with {name} {before.get(name)}, not {after.get(name)}: "
        f"its terms are fixed"
    )


def _refuse_overlap(known: PhaseTerms, terms: PhaseTerms) -> None:
    shared = {pool.points_asset for pool in known.pools} & {
        pool.points_asset for pool in terms.pools
    }
    if shared and known.starts_at < terms.ends_at and terms.starts_at < known.ends_at:
        raise Conflict(
            f"phase {known.id} counts {' and '.join(sorted(shared))} from {known.starts_at} to "
            f"{known.ends_at}: a point is redeemed once"
        )


def _expect_earned(connection: Connection, result: PhaseResult) -> None:
    """Raises Conflict if the ledger has not the points that are to be redeemed."""
    asset_of = {shared.pool.name: shared.pool.points_asset for shared in result.pools}
    earned = {asset: load_earned_points(connection, asset) for asset in asset_of.values()}
    for line in result.lines:
        asset = asset_of[line.pool]
        held_raw = earned[asset].get(line.wallet, 0)
        if not line.is_excluded and held_raw < line.points_raw:
            raise Conflict(
                f"the ledger holds {held_raw} base units of {asset} for {line.wallet}, and its "
                f"receipts gave {line.points_raw}: see `basis recompute`"
            )
