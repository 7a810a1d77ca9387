"""How value moves by phases: one function per cause.

Accounts, in BASIS unless said otherwise:
    emission/phases                 negative: what the operator put into phases
    phase/<phase>/<pool>            a pool that is not shared out yet
    vesting/<phase>/<wallet>        shared out, and not yet due
    phase/vested/<wallet>           due: the owner's
    phase/dust                      what floors left over
    points/earned/<wallet>          LLAMA and WAIFU that no phase has redeemed
    points/redeemed/<wallet>        those that one has: a point is redeemed once
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from basis.rules.ledger import AccountPath, Entry, Posting, make_entry
from basis.rules.phases import PhaseId, PhaseResult, PhaseTerms
from basis.rules.units import BASIS
from basis.rules.vesting import part_amounts
from basis.rules.wallet import Wallet

CAUSE_PREFIX = "phase/"
"""Causes of these entries begin with it, and no others do."""

PHASE_ENTRIES = ("phase_opened", "phase_shared", "vesting_released")
"""Their kinds."""

EARNED = "points/earned/"
_EMISSION = "emission/phases"


def phase_opened(terms: PhaseTerms) -> Entry:
    """The operator funds every pool of a new phase."""
    return make_entry(
        kind="phase_opened",
        cause=f"{CAUSE_PREFIX}{terms.id}/opened",
        postings=[
            posting
            for pool in terms.pools
            for posting in _move(_EMISSION, _pool_account(terms.id, pool.name), pool.amount_raw)
        ],
    )


def phase_shared(phase_id: PhaseId, result: PhaseResult) -> Entry:
    """The pools of a final phase go to their wallets, to vest; the points are redeemed.

    An excluded wallet's points stay where they were earned.
    """
    postings: list[Posting] = []
    asset_of: dict[str, str] = {}
    for shared in result.pools:
        asset_of[shared.pool.name] = shared.pool.points_asset
        source = _pool_account(phase_id, shared.pool.name)
        postings += _move(source, "phase/dust", shared.dust_raw)
        postings += _move(source, _EMISSION, shared.returned_raw)
    for line in result.lines:
        if line.is_excluded:
            continue
        source = _pool_account(phase_id, line.pool)
        postings += _move(source, _vesting_account(phase_id, line.wallet), line.amount_raw)
        postings += _move(
            earned_account(line.wallet),
            redeemed_account(line.wallet),
            line.points_raw,
            asset=asset_of[line.pool],
        )
    return make_entry(
        kind="phase_shared", cause=f"{CAUSE_PREFIX}{phase_id}/shared", postings=postings
    )


def vesting_released(terms: PhaseTerms, amounts: Mapping[Wallet, int], *, number: int) -> Entry:
    """Part `number` of what each wallet was given becomes its own."""
    postings: list[Posting] = []
    for wallet, amount_raw in amounts.items():
        part_raw = part_amounts(amount_raw, terms.vesting)[number - 1]
        source = _vesting_account(terms.id, wallet)
        postings += _move(source, f"phase/vested/{wallet}", part_raw)
    return make_entry(
        kind="vesting_released",
        cause=f"{CAUSE_PREFIX}{terms.id}/vested/{number}",
        postings=postings,
    )


def earned_account(wallet: str) -> AccountPath:
    """Where the points of `wallet` stand that no phase has redeemed."""
    return AccountPath(EARNED + wallet)


def redeemed_account(wallet: str) -> AccountPath:
    """Where the points of `wallet` stand that a phase has redeemed."""
    return AccountPath(f"points/redeemed/{wallet}")


def _pool_account(phase_id: PhaseId, pool: str) -> str:
    return f"phase/{phase_id}/{pool}"


def _vesting_account(phase_id: PhaseId, wallet: Wallet) -> str:
    return f"vesting/{phase_id}/{wallet}"


def _move(
    source: str, target: str, amount_raw: int, *, asset: str = BASIS.symbol
) -> Iterable[Posting]:
    return (
        Posting(account=AccountPath(source), asset=asset, amount_raw=-amount_raw),
        Posting(account=AccountPath(target), asset=asset, amount_raw=amount_raw),
    )
