"""A state machine over a real store: whatever is booked in whatever order, the invariants hold.

`pytest tests/property/test_ledger_machine.py --hypothesis-profile search` looks further; millions
are the matter of `python -m tests.simulation.ledger`.
"""

from __future__ import annotations

from collections import defaultdict

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
)
from rule_strategies import WALLETS
from sqlalchemy import create_engine, event, insert
from sqlalchemy.pool import StaticPool

from basis.accounting.ledger_rebuild import check_balances
from basis.accounting.repairs import adjust, reverse
from basis.rules.accounts import bound_of, is_within, validate_floors
from basis.rules.errors import BasisError, Conflict, FloorBroken, InvalidInput, UnknownAccount
from basis.rules.ledger import AccountPath, Entry, Posting, fold_balances, make_entry
from basis.storage.ledger_store import iterate_entries, load_balances, store_entries
from basis.storage.schema import metadata, users

NOW = "2026-11-23T12:00:00.000Z"
ACCOUNTS = [
    "customer/user-1",
    "funding/operator",
    "network/exchange",
    "network/fee",
    "network/dust",
    "network/writeoff",
    f"reward/pending/{WALLETS[0]}",
    f"reward/batching/{WALLETS[0]}",
    "points/issued",
    f"points/earned/{WALLETS[0]}",
]
MISSPELT = ["network/fees", "reward/pending/0x1", "customer/", f"points/earnt/{WALLETS[0]}"]
accounts = st.sampled_from(ACCOUNTS).map(AccountPath)
assets = st.sampled_from(["BASIS", "CREDIT", "LLAMA"])
amounts = st.integers(1, 20) | st.integers(1, 2**130)


class Died(Exception):
    """The process ended between two statements."""


class LedgerMachine(RuleBasedStateMachine):
    """One store; `accepted` is what it took, by a plain list."""

    booked = Bundle("booked")

    def __init__(self) -> None:
        super().__init__()
        self.engine = create_engine("sqlite://", poolclass=StaticPool)
        self.statements_left = -1
        event.listen(self.engine, "before_cursor_execute", self.on_statement)
        self.accepted: list[Entry] = []
        self.number = 0

    @initialize()
    def create(self) -> None:
        """An empty store with one customer."""
        metadata.create_all(self.engine)
        with self.engine.begin() as connection:
            connection.execute(
                insert(users).values(id="user-1", name="", wallet="", created_at=NOW)
            )

    @rule(target=booked, source=accounts, to=accounts, asset=assets, amount_raw=amounts)
    def transfer(self, source: AccountPath, to: AccountPath, asset: str, amount_raw: int) -> object:
        """Anything between any two accounts; what may be booked is."""
        entry = self.make_transfer(source, to, asset, amount_raw)
        return self.book(entry, self.expected_error(entry))

    @rule(account=st.sampled_from(MISSPELT).map(AccountPath), amount_raw=amounts)
    def misspell(self, account: AccountPath, amount_raw: int) -> None:
        """An account that the chart does not know is refused."""
        lost = AccountPath("network/writeoff")
        self.book(self.make_transfer(lost, account, "BASIS", amount_raw), UnknownAccount)

    @rule(entry=booked)
    def repeat(self, entry: Entry) -> None:
        """The same content again is a no-op."""
        with self.engine.begin() as connection:
            store_entries(connection, [entry, entry], now=NOW)

    @rule(entry=booked, amount_raw=amounts)
    def contradict(self, entry: Entry, amount_raw: int) -> None:
        """Other content under the same cause is refused, and all of its group."""
        other = self.make_transfer(
            AccountPath("network/writeoff"), AccountPath("network/dust"), "BASIS", amount_raw
        )
        changed = make_entry(
            kind=entry.kind, cause=entry.cause, postings=[*entry.postings, *other.postings]
        )
        self.refuse([other, changed], Conflict)

    @rule(target=booked, source=accounts, to=accounts, amount_raw=amounts)
    def adjust_by_hand(self, source: AccountPath, to: AccountPath, amount_raw: int) -> object:
        """A repair is booked or refused with a typed error; twice is once."""
        self.number += 1
        try:
            for _time in range(2):
                with self.engine.begin() as connection:
                    recorded = adjust(
                        connection,
                        key=f"key-{self.number}",
                        source=source,
                        target=to,
                        asset="BASIS",
                        amount_raw=amount_raw,
                        reason="a repair",
                        now=NOW,
                    )
        except (InvalidInput, FloorBroken):
            return multiple()
        self.accepted.append(recorded.entry)
        return recorded.entry

    @rule(entry=consumes(booked))
    def take_back(self, entry: Entry) -> None:
        """A reversal is booked or refused with a typed error; twice is once."""
        try:
            for _time in range(2):
                with self.engine.begin() as connection:
                    recorded = reverse(connection, entry.id, reason="a mistake", now=NOW)
        except (InvalidInput, FloorBroken):
            return
        if recorded.entry not in self.accepted:
            self.accepted.append(recorded.entry)

    @rule(entry=booked, statement=st.integers(0, 8))
    def die(self, entry: Entry, statement: int) -> None:
        """A crash between any two statements leaves nothing of its transaction."""
        more = self.make_transfer(
            AccountPath("network/writeoff"), AccountPath("network/fee"), "BASIS", 1
        )
        self.statements_left = statement
        self.refuse([entry, more], Died)
        self.statements_left = -1

    @invariant()
    def all_invariants(self) -> None:
        """I1, I2, I3, I4 and I10, from what is on record."""
        if not self.number:
            return
        with self.engine.connect() as connection:
            recorded = list(iterate_entries(connection))
            held = load_balances(connection)
            assert check_balances(connection).difference is None
        assert recorded == self.accepted
        assert fold_balances(self.accepted) == held
        totals: defaultdict[str, int] = defaultdict(int)
        for (_account, asset), balance_raw in held.items():
            totals[asset] += balance_raw
        assert not any(totals.values())
        validate_floors(held.items())

    def make_transfer(
        self, source: AccountPath, to: AccountPath, asset: str, amount_raw: int
    ) -> Entry:
        """An entry of a new cause."""
        self.number += 1
        return make_entry(
            kind="transfer",
            cause=f"cause-{self.number}",
            postings=[
                Posting(account=source, asset=asset, amount_raw=-amount_raw),
                Posting(account=to, asset=asset, amount_raw=amount_raw),
            ],
        )

    def expected_error(self, entry: Entry) -> type[BasisError] | None:
        """What the chart says of `entry`, by the sums of what was accepted."""
        sums = fold_balances(self.accepted)
        is_low = False
        for posting in entry.postings:
            key = (posting.account, posting.asset)
            try:
                bound = bound_of(*key)
            except UnknownAccount:
                return UnknownAccount
            after_raw = sums.get(key, 0) + posting.amount_raw
            is_low = is_low or not is_within(bound, after_raw, credit_limit=None)
        return FloorBroken if is_low else None

    def book(self, entry: Entry, expected: type[BasisError] | None) -> object:
        """Books `entry`, or finds it refused as expected."""
        if expected is not None:
            # Of two faults the store may meet either first.
            self.refuse([entry], expected, FloorBroken)
            return multiple()
        with self.engine.begin() as connection:
            store_entries(connection, [entry], now=NOW)
        self.accepted.append(entry)
        return entry

    def refuse(self, entries: list[Entry], *expected: type[Exception]) -> None:
        """Finds that `entries` cannot be booked."""
        try:
            with self.engine.begin() as connection:
                store_entries(connection, entries, now=NOW)
                if Died in expected:
                    raise Died
        except expected:
            return
        raise AssertionError(f"accepted: {entries}")

    def on_statement(self, *_facts: object) -> None:
        """Dies where it was told to."""
        if self.statements_left == 0:
            raise Died
        self.statements_left -= 1

    def teardown(self) -> None:
        """Gives the store back."""
        self.engine.dispose()


TestLedgerMachine = LedgerMachine.TestCase
TestLedgerMachine.settings = settings(
    settings.default, max_examples=settings.default.max_examples // 4, stateful_step_count=30
)
