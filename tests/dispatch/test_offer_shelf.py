"""Which offer counts: as time passes, as later ones begin, as owners change their minds."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from basis.dispatch.offer_shelf import OfferShelf
from basis.rules.offer import Offer
from basis.storage.offer_store import OfferRecord, OfferStatus, new_offer_record
from tests.support.offers import Owner

NOW = 1_795_000_000
OWNER = Owner()
WORKER = "gpu-7a1c"


class Bench:
    """A shelf with one owner's wallet behind every worker, and what it told."""

    def __init__(self) -> None:
        self.wallet: str = OWNER.wallet
        self.told: list[tuple[str, int | None]] = []
        self.shelf = OfferShelf(
            owner_of=lambda _worker_id: self.wallet,
            on_change=lambda worker_id, capacity: self.told.append((worker_id, capacity)),
            now_s=NOW,
        )

    def add(self, offer: Offer) -> OfferRecord:
        """Puts an offer on the shelf."""
        record = make_record(offer)
        self.shelf.add(record)
        return record

    @property
    def live_nonce(self) -> int | None:
        """The nonce of the offer that counts."""
        live = self.shelf.live_offer(WORKER)
        return None if live is None else live.offer.nonce

    def end_of(self, record: OfferRecord) -> OfferStatus:
        """How the offer ended."""
        return self.shelf.ends[record.hash].status


def make_record(offer: Offer) -> OfferRecord:
    """The offer as it is kept; the shelf looks at no signature."""
    return new_offer_record(offer, signature="", rails="", epoch="", now="2026-11-23T00:00:00.000Z")


def offer(nonce: int, **changes: int) -> Offer:
    """An offer as of NOW."""
    return OWNER.offer(nonce=nonce, now_s=NOW, **changes)


def test_add__offer_that_has_begun__counts_at_once() -> None:
    bench = Bench()

    bench.add(offer(1, capacity=3))

    assert bench.live_nonce == 1
    assert bench.told == [(WORKER, 3)]
    assert bench.shelf.count("basis-tiny") == 1


def test_add__later_offer__supersedes_the_one_before() -> None:
    bench = Bench()
    first = bench.add(offer(1))

    bench.add(offer(2, prompt_price=16_000_000))

    assert bench.live_nonce == 2
    assert bench.end_of(first) is OfferStatus.SUPERSEDED
    assert bench.shelf.count("basis-tiny") == 1


def test_add__lower_nonce_comes_later__does_not_count() -> None:
    bench = Bench()
    bench.add(offer(2))

    late = bench.add(offer(1))

    assert bench.live_nonce == 2
    assert bench.end_of(late) is OfferStatus.SUPERSEDED


def test_advance__offer_that_waited__takes_over_at_its_second() -> None:
    bench = Bench()
    first = bench.add(offer(1))
    bench.add(offer(2, begins_in_s=10, capacity=2))
    before = bench.live_nonce

    bench.shelf.advance(NOW + 9)
    still = bench.live_nonce
    bench.shelf.advance(NOW + 10)

    assert (before, still, bench.live_nonce) == (1, 1, 2)
    assert bench.end_of(first) is OfferStatus.SUPERSEDED
    assert bench.told[-1] == (WORKER, 2)


def test_advance__at_expires_at__it_is_over() -> None:
    bench = Bench()
    record = bench.add(offer(1, life_s=10))

    bench.shelf.advance(NOW + 9)
    last_second = bench.live_nonce
    bench.shelf.advance(NOW + 10)

    assert (last_second, bench.live_nonce) == (1, None)
    assert bench.end_of(record) is OfferStatus.EXPIRED
    assert bench.told[-1] == (WORKER, None)
    assert bench.shelf.cheapest("basis-tiny", limit=9) == []


def test_advance__newest_expired__the_older_one_does_not_come_back() -> None:
    bench = Bench()
    bench.add(offer(1, life_s=1_000))
    bench.add(offer(2, life_s=10))

    bench.shelf.advance(NOW + 20)

    assert bench.live_nonce is None


def test_advance__clock_goes_backwards__what_began_has_begun_and_nothing_comes_back() -> None:
    bench = Bench()
    bench.add(offer(1, life_s=10))
    bench.add(offer(2, begins_in_s=20, life_s=100))
    bench.shelf.advance(NOW + 20)
    assert bench.live_nonce == 2

    bench.shelf.advance(NOW - 1_000)
    bench.shelf.settle(WORKER)

    assert bench.live_nonce == 2
    assert bench.shelf.now_s == NOW - 1_000
    bench.shelf.advance(NOW + 99)
    last_second = bench.live_nonce
    bench.shelf.advance(NOW + 100)
    assert (last_second, bench.live_nonce) == (2, None)


def test_advance__clock_goes_backwards__an_offer_that_waits_begins_at_its_second() -> None:
    bench = Bench()
    bench.add(offer(1))
    bench.add(offer(2, begins_in_s=20))
    for at_s, expected in ((10, 1), (-500, 1), (19, 1), (20, 2)):
        bench.shelf.advance(NOW + at_s)

        assert bench.live_nonce == expected


def test_settle__wallet_changed__ends_every_offer_for_good() -> None:
    bench = Bench()
    live, waiting = bench.add(offer(1)), bench.add(offer(2, begins_in_s=100))

    bench.wallet = Owner(2).wallet
    bench.shelf.settle(WORKER)
    bench.wallet = OWNER.wallet
    bench.shelf.settle(WORKER)
    bench.shelf.advance(NOW + 200)

    assert bench.live_nonce is None
    assert {bench.end_of(live), bench.end_of(waiting)} == {OfferStatus.OWNER_CHANGED}


def test_withdraw__below_a_nonce__leaves_the_later_ones() -> None:
    bench = Bench()
    first = bench.add(offer(1))
    bench.add(offer(5, begins_in_s=10))

    ended = bench.shelf.withdraw(WORKER, below_nonce=5)
    bench.shelf.advance(NOW + 10)

    assert ended == 1
    assert bench.end_of(first) is OfferStatus.WITHDRAWN
    assert bench.live_nonce == 5


def test_withdraw__all__leaves_nothing_and_a_repeat_ends_none() -> None:
    bench = Bench()
    bench.add(offer(1))
    bench.add(offer(2, begins_in_s=10))

    assert (bench.shelf.withdraw(WORKER), bench.shelf.withdraw(WORKER)) == (2, 0)
    bench.shelf.advance(NOW + 10)
    assert bench.live_nonce is None


def test_cheapest__several_workers__stand_by_the_sum_of_their_asks() -> None:
    bench = Bench()
    for index, price in enumerate((40, 20, 30)):
        bench.add(OWNER.offer(price, price, worker_id=f"w{index}", now_s=NOW))

    found = [live.offer.worker_id for live in bench.shelf.cheapest("basis-tiny", limit=2)]

    assert found == ["w1", "w2"]
    assert bench.shelf.count("basis-tiny") == 3


def test_add__thousands_of_offers_replaced__forgets_their_times() -> None:
    bench = Bench()
    for nonce in range(1, 5_001):
        bench.add(offer(nonce))

    assert len(bench.shelf._due) < 2_100
    assert bench.live_nonce == 5_000
    bench.shelf.advance(NOW + 3_600)
    assert bench.live_nonce is None


OFFERS = st.lists(
    st.tuples(
        st.integers(1, 12),  # nonce
        st.integers(-5, 30),  # begins in
        st.integers(1, 20),  # lives after that
        st.integers(0, 40),  # comes at
    ),
    max_size=12,
    unique_by=lambda one: one[0],
)


@given(OFFERS)
def test_shelf__any_offers__agrees_at_every_second_with_the_rule(
    rows: list[tuple[int, int, int, int]],
) -> None:
    """The rule: of the offers that have come and begun, the highest nonce, unless it is over."""
    bench = Bench()
    offers = [
        (comes, offer(nonce, begins_in_s=begins, life_s=begins + life))
        for nonce, begins, life, comes in rows
    ]
    accepted: list[Offer] = []
    for second in range(45):
        bench.shelf.advance(NOW + second)
        for comes, one in offers:
            is_stale = any(one.nonce <= other.nonce for other in accepted)
            if comes == second and one.expires_at > NOW + second and not is_stale:
                bench.add(one)
                accepted.append(one)
        begun = [one for one in accepted if one.not_before <= NOW + second]
        newest = max(begun, key=lambda one: one.nonce, default=None)
        is_over = newest is None or newest.expires_at <= NOW + second
        assert bench.live_nonce == (None if is_over else newest.nonce)


def test_record__two_offers_that_differ_in_one_field__have_different_hashes() -> None:
    first = offer(1)

    assert make_record(first).hash != make_record(replace(first, capacity=5)).hash
