"""Signs that a wallet's points may not be honest work: for the operator to look at, no verdict.

Two signs, both dated and ours to choose; nothing is excluded by them:
- `own_customer`: at least half of a wallet's points come from jobs that its own wallet ordered, or
  nearly all from one customer nearly all of whose jobs went to this wallet.
- `registered_together`: the first workers of five or more wallets were registered within ten
  minutes, as one machine with many names would do it.
Honest owners can show both: who tries the network on its own worker, or joined on a launch day.
Source: docs/decisions/0017-phases.md.
"""

from __future__ import annotations

import enum
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from basis.rules.units import WHOLE_BPS, mul_div_floor
from basis.rules.wallet import Wallet

SUSPICION_VERSION = "2026-11-23"

OWN_WORK_BPS: Final = 5_000
"""Of a wallet's points by jobs of its own wallet."""
ONE_CUSTOMER_BPS: Final = 9_500
"""Of a wallet's points by one customer, and of that customer's points at this wallet."""
FEWEST_JOBS: Final = 10
"""Below this a share says nothing."""
FEWEST_WALLETS: Final = 5
TOGETHER_MINUTES: Final = 10


class Sign(enum.StrEnum):
    """What was seen."""

    OWN_CUSTOMER = "own_customer"
    REGISTERED_TOGETHER = "registered_together"


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspicion:
    """A sign and its evidence, in words and numbers that can be checked."""

    wallet: Wallet
    sign: Sign
    evidence: str


@dataclass(slots=True)
class _Work:
    """Jobs and points of one wallet, by who ordered them."""

    jobs: int = 0
    points_raw: int = 0
    own_raw: int = 0
    by_customer: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))


class WorkBook:
    """Adds up jobs one by one, so that no more than sums are kept. Points are of one kind."""

    def __init__(self) -> None:
        self._work: defaultdict[Wallet, _Work] = defaultdict(_Work)
        self._customers: defaultdict[str, int] = defaultdict(int)

    def add(self, *, wallet: Wallet, user_id: str, user_wallet: str, points_raw: int) -> None:
        """Takes up a job that `wallet` did for a customer."""
        work = self._work[wallet]
        work.jobs += 1
        work.points_raw += points_raw
        work.own_raw += points_raw if user_wallet == wallet else 0
        work.by_customer[user_id] += points_raw
        self._customers[user_id] += points_raw

    @property
    def wallets(self) -> frozenset[Wallet]:
        """Those that did any job."""
        return frozenset(self._work)

    def find_suspicions(self) -> list[Suspicion]:
        """The wallets that work for themselves, by wallet."""
        found: list[Suspicion] = []
        for wallet in sorted(self._work):
            evidence = self._find_own_customer(self._work[wallet])
            if evidence:
                found.append(Suspicion(wallet=wallet, sign=Sign.OWN_CUSTOMER, evidence=evidence))
        return found

    def _find_own_customer(self, work: _Work) -> str:
        if work.jobs < FEWEST_JOBS or not work.points_raw:
            return ""
        own_bps = mul_div_floor(work.own_raw, WHOLE_BPS, work.points_raw)
        if own_bps >= OWN_WORK_BPS:
            return (
                f"{own_bps} bps of its points in {work.jobs} jobs come from jobs that its own "
                f"wallet ordered"
            )
        user_id, given_raw = max(work.by_customer.items(), key=lambda item: (item[1], item[0]))
        share_bps = mul_div_floor(given_raw, WHOLE_BPS, work.points_raw)
        sole_bps = mul_div_floor(given_raw, WHOLE_BPS, self._customers[user_id])
        if min(share_bps, sole_bps) < ONE_CUSTOMER_BPS:
            return ""
        return (
            f"{share_bps} bps of its points in {work.jobs} jobs come from the customer {user_id}, "
            f"{sole_bps} bps of whose points went to it"
        )


def find_registered_together(
    registrations: Iterable[tuple[Wallet, int]], among: frozenset[Wallet]
) -> list[Suspicion]:
    """The wallets of `among` whose first workers came in one burst, by wallet.

    `registrations` are wallets with the minute of their first registration, counted from anywhere.
    A burst begins with the first registration that is in no earlier one.
    """
    bursts: list[list[tuple[int, Wallet]]] = []
    for minute, wallet in sorted((minute, wallet) for wallet, minute in registrations):
        if wallet not in among:
            continue
        if not bursts or minute - bursts[-1][0][0] >= TOGETHER_MINUTES:
            bursts.append([])
        bursts[-1].append((minute, wallet))
    evidence = {
        wallet: _describe_burst(burst)
        for burst in bursts
        if len(burst) >= FEWEST_WALLETS
        for _minute, wallet in burst
    }
    return [
        Suspicion(wallet=wallet, sign=Sign.REGISTERED_TOGETHER, evidence=evidence[wallet])
        for wallet in sorted(evidence)
    ]


def _describe_burst(burst: Sequence[tuple[int, Wallet]]) -> str:
    span = burst[-1][0] - burst[0][0] + 1
    return (
        f"its first worker is one of {len(burst)} wallets' that were registered in {span} minutes"
    )
