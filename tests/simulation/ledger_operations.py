"""What an operator, customers and workers do to the ledger, and what goes wrong with it.

Every good operation keeps the books within their bounds when it is made; every wrong one must be
refused by the store, with the error that it names.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from random import Random

from basis.rules.accounts import bound_of, is_within
from basis.rules.errors import BasisError, Conflict, FloorBroken, InvalidInput, UnknownAccount
from basis.rules.ledger import AccountPath, Entry, Posting, make_entry
from basis.rules.repairs import make_adjustment, make_reversal
from basis.rules.wallet import parse_wallet

_CUSTOMERS = tuple(f"customer/user-{number}" for number in range(6))
_WALLETS = tuple(parse_wallet(f"0x{number:040x}") for number in range(1, 6))
_ADJUSTABLE = ("network/fee", "network/unearned", "network/dust", "network/writeoff")
_RECENT = 200
"""So many of the newest entries are repeated, contradicted and reversed."""


class Books:
    """What was accepted so far, as a plain list and plain sums."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.log: dict[str, Entry] = {}
        self.balances: defaultdict[tuple[AccountPath, str], int] = defaultdict(int)
        self._order: list[Entry] = []
        self._number = 0

    def accept(self, entry: Entry) -> None:
        """Books `entry` here; a repeat changes nothing."""
        if entry.id in self.log:
            return
        self.log[entry.id] = entry
        self._order.append(entry)
        for posting in entry.postings:
            self.balances[(posting.account, posting.asset)] += posting.amount_raw

    def make_good(self) -> tuple[str, Entry]:
        """The name and entry of a good operation."""
        name, operation = self.random.choice(_GOOD)
        entry = operation(self)
        if entry is None:
            return "payment", self.pay()
        return name, entry

    def make_wrong(self) -> tuple[type[BasisError], Entry]:
        """The error that the store must raise, and the entry that it must raise it for."""
        wrong, operation = self.random.choice(_WRONG)
        return wrong, operation(self)

    def pay(self) -> Entry:
        """A customer buys credits."""
        amount = self.random.randint(1, 10**9)
        return self._entry(
            "payment",
            ("funding/operator", "CREDIT", -amount),
            (self.random.choice(_CUSTOMERS), "CREDIT", amount),
        )

    def complete_job(self) -> Entry:
        """A job is charged, shared out, and earns points."""
        random = self.random
        charge = random.randint(1, 10**7)
        raw = charge * 10 ** random.randint(0, 30)
        parts = sorted(random.randint(0, raw) for _cut in range(3))
        wallet = random.choice(_WALLETS)
        return self._entry(
            "job_completed",
            (random.choice(_CUSTOMERS), "CREDIT", -charge),
            ("network/exchange", "CREDIT", charge),
            ("network/exchange", "BASIS", -raw),
            ("network/fee", "BASIS", parts[0]),
            ("network/unearned", "BASIS", parts[1] - parts[0]),
            ("network/dust", "BASIS", parts[2] - parts[1]),
            (f"reward/pending/{wallet}", "BASIS", raw - parts[2]),
            ("points/issued", "LLAMA", -charge),
            (f"points/earned/{wallet}", "LLAMA", charge),
        )

    def move_rewards(self) -> Entry | None:
        """A batch takes a wallet's rewards one step on, or back."""
        wallet = self.random.choice(_WALLETS)
        old, new = self.random.choice(
            (("pending", "batching"), ("batching", "pending"), ("batching", "settled"))
        )
        source = AccountPath(f"reward/{old}/{wallet}")
        amount = self.balances[(source, "BASIS")]
        if not amount:
            return None
        return self._entry(
            f"rewards_{new}",
            (source, "BASIS", -amount),
            (f"reward/{new}/{wallet}", "BASIS", amount),
        )

    def adjust(self) -> Entry | None:
        """The operator moves something between two accounts of the network."""
        source, target = self.random.sample(_ADJUSTABLE, 2)
        held = self.balances[(AccountPath(source), "BASIS")]
        most = held if source != "network/writeoff" else 2**130
        if most <= 0:
            return None
        self._number += 1
        return make_adjustment(
            key=f"key-{self._number}",
            source=AccountPath(source),
            target=AccountPath(target),
            asset="BASIS",
            amount_raw=self.random.randint(1, most),
        )

    def reverse(self) -> Entry | None:
        """The operator takes an entry back, if it can be; perhaps one that was taken back."""
        recorded = self._recent()
        try:
            entry = make_reversal(recorded) if recorded is not None else None
        except InvalidInput:
            return None
        return entry if entry is not None and (entry.id in self.log or self._fits(entry)) else None

    def repeat(self) -> Entry | None:
        """Somebody books what is booked already."""
        return self._recent()

    def contradict(self) -> Entry:
        """The cause of a booked entry with other content."""
        recorded = self._recent()
        if recorded is None or not recorded.postings:
            return self._entry("payment", ("network/fees", "BASIS", 0))
        more = self.random.choice(
            (
                [posting_of(p.account, p.asset, p.amount_raw) for p in recorded.postings],
                [posting_of("network/fee", "BASIS", -1), posting_of("network/dust", "BASIS", 1)],
            )
        )
        return make_entry(
            kind=recorded.kind, cause=recorded.cause, postings=[*recorded.postings, *more]
        )

    def misspell(self) -> Entry:
        """An account or an asset that the chart does not have."""
        account, asset = self.random.choice(
            (
                ("network/fees", "BASIS"),
                ("reward/pending/0xabc", "BASIS"),
                (f"reward/pending/{_WALLETS[0].lower()}x", "BASIS"),
                ("customer/", "CREDIT"),
                ("network/fee", "CREDIT"),
                ("points/issued", "BASIS"),
            )
        )
        amount = self.random.randint(1, 2**100)
        return self._entry(
            "transfer", ("network/writeoff", asset, -amount), (account, asset, amount)
        )

    def overdraw(self) -> Entry:
        """More than an account holds, from whichever side."""
        amount = self.random.randint(2**141, 2**150)
        account, asset, other = self.random.choice(
            (
                ("network/fee", "BASIS", "network/writeoff"),
                (f"reward/pending/{self.random.choice(_WALLETS)}", "BASIS", "network/writeoff"),
                (f"points/earned/{self.random.choice(_WALLETS)}", "LLAMA", "points/issued"),
            )
        )
        return self._entry("transfer", (account, asset, -amount), (other, asset, amount))

    def _fits(self, entry: Entry) -> bool:
        return all(
            is_within(
                bound_of(posting.account, posting.asset),
                self.balances[(posting.account, posting.asset)] + posting.amount_raw,
                credit_limit=None,
            )
            for posting in entry.postings
        )

    def _recent(self) -> Entry | None:
        if not self._order:
            return None
        newest = len(self._order) - 1
        return self._order[self.random.randint(max(0, newest - _RECENT), newest)]

    def _entry(self, kind: str, *rows: tuple[str, str, int]) -> Entry:
        self._number += 1
        return make_entry(
            kind=kind, cause=f"cause-{self._number}", postings=[posting_of(*row) for row in rows]
        )


def posting_of(account: str, asset: str, amount_raw: int) -> Posting:
    """One posting."""
    return Posting(account=AccountPath(account), asset=asset, amount_raw=amount_raw)


_GOOD: tuple[tuple[str, Callable[[Books], Entry | None]], ...] = (
    ("payment", Books.pay),
    ("job", Books.complete_job),
    ("job", Books.complete_job),
    ("move of rewards", Books.move_rewards),
    ("adjustment", Books.adjust),
    ("reversal", Books.reverse),
    ("repeat", Books.repeat),
)
_WRONG: tuple[tuple[type[BasisError], Callable[[Books], Entry]], ...] = (
    (Conflict, Books.contradict),
    (UnknownAccount, Books.misspell),
    (FloorBroken, Books.overdraw),
)
