"""The chart of accounts: every account that value may stand on, in which assets, how low, and why.

An entry on an account that no row knows, or in an asset that its row lacks, is refused by the
store, so that nothing misspelt can be booked. Each row says on which side of zero its balance stays
(I4). Names in angle brackets stand for one segment of the path: ids of up to 64 letters, digits,
`.`, `_` and `-`, wallets in their EIP-55 form.
Source: design.md section 3; docs/decisions/0016-ledger.md; every row is ours to choose.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

from basis.rules.errors import FloorBroken, InvalidWallet, UnknownAccount
from basis.rules.ledger import AccountPath
from basis.rules.wallet import parse_wallet

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_LONGEST_SHOWN = 120


class Bound(Enum):
    """Where a balance must stay."""

    NOT_NEGATIVE = "never negative"
    NOT_POSITIVE = "never positive"
    CREDIT_LIMIT = "not below minus the customer's credit limit"
    NONE = "either side of zero"


class Holder(Enum):
    """Whose an account is."""

    CUSTOMER = "customer"
    WALLET = "owner of the wallet"
    WORKER = "worker"
    NETWORK = "network"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRule:
    """One row of the chart."""

    pattern: str
    bounds: Mapping[str, Bound]
    """By asset; an asset that is missing cannot be booked there."""
    holder: Holder
    is_adjustable: bool
    """False where a receipt, batch or phase says what the balance is: only its own entries move
    it, since the record would still say what it said."""
    meaning: str


def _row(
    pattern: str, bounds: Mapping[str, Bound], holder: Holder, meaning: str, *, own: bool = False
) -> AccountRule:
    return AccountRule(
        pattern=pattern, bounds=bounds, holder=holder, is_adjustable=not own, meaning=meaning
    )


_UP, _DOWN, _FREE = Bound.NOT_NEGATIVE, Bound.NOT_POSITIVE, Bound.NONE
_POINTS = ("LLAMA", "WAIFU")

CHART: tuple[AccountRule, ...] = (
    _row(
        "customer/<user>",
        {"CREDIT": Bound.CREDIT_LIMIT, "BASIS": _DOWN},
        Holder.CUSTOMER,
        "CREDIT: what the customer has. BASIS: what it owes for jobs of before prepaid credits",
    ),
    _row(
        "funding/operator",
        {"CREDIT": _FREE},
        Holder.OPERATOR,
        "the other side of credits that the operator granted; positive where it took back more, as "
        "after a disputed payment by card",
    ),
    _row(
        "funding/stripe",
        {"CREDIT": _DOWN},
        Holder.OPERATOR,
        "the other side of credits that were paid for by card",
    ),
    _row(
        "network/exchange",
        {"CREDIT": _UP, "BASIS": _DOWN},
        Holder.NETWORK,
        "credits taken in, and the BASIS given for them at the epoch's rate",
    ),
    _row("network/fee", {"BASIS": _UP}, Holder.NETWORK, "the protocol's share of charges"),
    _row("network/unearned", {"BASIS": _UP}, Holder.NETWORK, "what factors and penalties withheld"),
    _row("network/dust", {"BASIS": _UP}, Holder.NETWORK, "what floors left over"),
    _row(
        "network/writeoff",
        {"BASIS": _FREE, "CREDIT": _FREE},
        Holder.NETWORK,
        "the other side of repairs: negative is lost, positive was recovered",
    ),
    _row(
        "reward/pending/<wallet>",
        {"BASIS": _UP},
        Holder.WALLET,
        "earned by receipts that no batch holds yet",
        own=True,
    ),
    _row(
        "reward/batching/<wallet>",
        {"BASIS": _UP},
        Holder.WALLET,
        "earned, in a batch that is not confirmed",
        own=True,
    ),
    _row(
        "reward/settled/<wallet>",
        {"BASIS": _UP},
        Holder.WALLET,
        "earned, in a confirmed batch",
        own=True,
    ),
    _row(
        "penalty/owed/<worker>",
        {"BASIS": _DOWN},
        Holder.WORKER,
        "penalties that rewards were too small to bear",
    ),
    _row(
        "penalty/receivable",
        {"BASIS": _UP},
        Holder.NETWORK,
        "the other side of penalties that are owed",
    ),
    _row(
        "points/issued",
        dict.fromkeys(_POINTS, _DOWN),
        Holder.NETWORK,
        "the other side of all points ever earned",
        own=True,
    ),
    _row(
        "points/earned/<wallet>",
        dict.fromkeys(_POINTS, _UP),
        Holder.WALLET,
        "points that no phase has redeemed yet",
        own=True,
    ),
    _row(
        "points/redeemed/<wallet>",
        dict.fromkeys(_POINTS, _UP),
        Holder.WALLET,
        "points that a phase turned into BASIS",
        own=True,
    ),
    _row(
        "emission/phases",
        {"BASIS": _DOWN},
        Holder.OPERATOR,
        "the other side of what the operator put into phases",
        own=True,
    ),
    _row(
        "phase/vested/<wallet>",
        {"BASIS": _UP},
        Holder.WALLET,
        "from phases, released by their vesting schedules",
        own=True,
    ),
    _row("phase/dust", {"BASIS": _UP}, Holder.NETWORK, "what the floors of phases left over"),
    _row(
        "phase/<phase>/<pool>",
        {"BASIS": _UP},
        Holder.NETWORK,
        "what is left of a pool of an open phase",
        own=True,
    ),
    _row(
        "vesting/<phase>/<wallet>",
        {"BASIS": _UP},
        Holder.WALLET,
        "from a final phase, not released yet",
        own=True,
    ),
)
"""The first row whose plain segments are in a path is its row, so `phase/vested/<wallet>` stands
before `phase/<phase>/<pool>`, and no phase can be called `vested`."""

_WAYS: Mapping[tuple[str, int], tuple[tuple[tuple[str, ...], AccountRule], ...]] = {
    key: tuple(
        (tuple(rule.pattern.split("/")), rule)
        for rule in CHART
        if (rule.pattern.split("/")[0], rule.pattern.count("/")) == key
    )
    for key in {(rule.pattern.split("/")[0], rule.pattern.count("/")) for rule in CHART}
}
"""The rows by the first segment of their patterns and the number of slashes."""


def account_of_path(path: str) -> AccountRule:
    """The row of the chart that `path` is an account of.

    Raises:
        UnknownAccount: there is none; it says which part is wrong where that can be told.
    """
    rule = _row_like(path)
    for name, segment in zip(rule.pattern.split("/"), path.split("/"), strict=True):
        reason = _why_wrong(name, segment)
        if reason:
            raise _unknown(path, reason)
    return rule


def bound_of(path: str, asset: str) -> Bound:
    """Where the balance of `path` in `asset` must stay. Its names are not looked at: an account
    that is on record was let in by `account_of_path`.

    Raises:
        UnknownAccount: the chart has no such account, or not in this asset.
    """
    rule = _row_like(path)
    bound = rule.bounds.get(asset)
    if bound is None:
        raise UnknownAccount(
            f"{rule.pattern} is kept in {' and '.join(rule.bounds)}, not in "
            f"{asset[:_LONGEST_SHOWN]!r}: {path} cannot hold it"
        )
    return bound


def is_within(bound: Bound, balance_raw: int, *, credit_limit: int | None) -> bool:
    """Whether a balance is where it must stay; a `credit_limit` of None is no limit."""
    if bound is Bound.NOT_NEGATIVE:
        return balance_raw >= 0
    if bound is Bound.NOT_POSITIVE:
        return balance_raw <= 0
    return bound is Bound.NONE or credit_limit is None or balance_raw >= -credit_limit


def validate_floors(
    balances: Iterable[tuple[tuple[AccountPath, str], int]],
    *,
    credit_limits: Mapping[str, int | None] | None = None,
) -> None:
    """Accepts balances that are all where the chart wants them (I4).

    `credit_limits` are micro-credits by customer, None for one without a limit, 0 for one that is
    missing. Without the mapping customers' credits are not judged: a limit holds when a job is
    accepted, and may have been lowered since.

    Raises:
        FloorBroken: the first balance that is not, in the order given.
        UnknownAccount: one stands on an account or in an asset that the chart does not have.
    """
    for (account, asset), balance_raw in balances:
        limit = None if credit_limits is None else credit_limits.get(account.partition("/")[2], 0)
        bound = bound_of(account, asset)
        if not is_within(bound, balance_raw, credit_limit=limit):
            raise floor_broken(account, asset, balance_raw, bound)


def floor_broken(account: str, asset: str, balance_raw: int, bound: Bound) -> FloorBroken:
    """What is raised for a balance that is not where it must stay."""
    return FloorBroken(
        f"{account} would hold {balance_raw} base units of {asset}, but is {bound.value}"
    )


def _row_like(path: str) -> AccountRule:
    segments = path.split("/")
    for pattern, rule in _WAYS.get((segments[0], len(segments) - 1), ()):
        pairs = zip(pattern, segments, strict=True)
        if all(name.startswith("<") or name == segment for name, segment in pairs):
            return rule
    raise _unknown(path, "no account of the chart is spelt so")


def _why_wrong(name: str, segment: str) -> str:
    """Why the segment is not what `name` stands for; "" if it is."""
    if name == "<wallet>":
        try:
            wallet = parse_wallet(segment, param="its wallet")
        except InvalidWallet as error:
            return error.message
        return "" if wallet == segment else f"its wallet is written {wallet}"
    if name.startswith("<") and not _ID.fullmatch(segment):
        return f"{segment[:_LONGEST_SHOWN]!r} is no id of a {name.strip('<>')}"
    return ""


def _unknown(path: str, reason: str) -> UnknownAccount:
    return UnknownAccount(f"the account {path[:_LONGEST_SHOWN]!r} does not exist: {reason}")
