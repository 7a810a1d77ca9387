"""Signs of work that may not be honest: seen with their evidence, and never where there is none."""

from __future__ import annotations

from basis.rules.suspects import (
    FEWEST_JOBS,
    FEWEST_WALLETS,
    ONE_CUSTOMER_BPS,
    TOGETHER_MINUTES,
    Sign,
    WorkBook,
    find_registered_together,
)
from basis.rules.wallet import Wallet

OWNER = Wallet("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed")
OTHER = Wallet("0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359")
CROWD = [Wallet(f"0x{number:040x}") for number in range(1, FEWEST_WALLETS + 1)]


def work(book: WorkBook, jobs: int, *, wallet: Wallet = OWNER, **customer: str) -> WorkBook:
    """Adds `jobs` of 100 points each for one customer."""
    given = {"user_id": "user-1", "user_wallet": "", **customer}
    for _job in range(jobs):
        book.add(wallet=wallet, points_raw=100, **given)
    return book


def test_own_customer__half_of_its_points_by_its_own_wallet__is_seen() -> None:
    book = work(WorkBook(), 5, user_id="me", user_wallet=OWNER)
    for number in range(5):
        work(book, 1, user_id=f"user-{number}")

    (found,) = book.find_suspicions()

    assert (found.wallet, found.sign) == (OWNER, Sign.OWN_CUSTOMER)
    assert "5000 bps of its points in 10 jobs" in found.evidence


def test_own_customer__less_than_half__is_not_seen() -> None:
    book = work(WorkBook(), 4, user_id="me", user_wallet=OWNER)
    for number in range(6):
        work(book, 1, user_id=f"user-{number}")

    assert book.find_suspicions() == []


def test_own_customer__one_customer_and_one_worker__is_seen_as_a_closed_circle() -> None:
    book = work(WorkBook(), 20, user_id="friend")
    work(book, 20, wallet=OTHER, user_id="user-1")
    work(book, 20, wallet=OTHER, user_id="user-2")

    (found,) = book.find_suspicions()

    assert found.wallet == OWNER
    assert "the customer friend, 10000 bps of whose points went to it" in found.evidence


def test_own_customer__one_customer_who_uses_others_as_well__is_not_seen() -> None:
    book = work(WorkBook(), 20, user_id="big")
    work(book, 20, wallet=OTHER, user_id="big")

    assert book.find_suspicions() == []


def test_own_customer__too_few_jobs__says_nothing() -> None:
    book = work(WorkBook(), FEWEST_JOBS - 1, user_id="me", user_wallet=OWNER)

    assert book.find_suspicions() == []
    assert work(book, 1, user_id="me", user_wallet=OWNER).find_suspicions()


def test_registered_together__enough_in_one_burst__are_all_seen() -> None:
    registrations = [(wallet, 1_000 + index) for index, wallet in enumerate(CROWD)]

    found = find_registered_together([*registrations, (OTHER, 5_000)], frozenset([*CROWD, OTHER]))

    assert [one.wallet for one in found] == CROWD
    assert {one.sign for one in found} == {Sign.REGISTERED_TOGETHER}
    assert "one of 5 wallets' that were registered in 5 minutes" in found[0].evidence


def test_registered_together__one_fewer_or_too_far_apart__are_not_seen() -> None:
    fewer = [(wallet, 1_000) for wallet in CROWD[1:]]
    slower = [(CROWD[0], 1_000), *((wallet, 1_000 + TOGETHER_MINUTES) for wallet in CROWD[1:])]
    just = [(CROWD[0], 1_000), *((wallet, 999 + TOGETHER_MINUTES) for wallet in CROWD[1:])]

    assert find_registered_together(fewer, frozenset(CROWD)) == []
    assert find_registered_together(slower, frozenset(CROWD)) == []
    assert len(find_registered_together(just, frozenset(CROWD))) == len(CROWD)


def test_registered_together__wallets_without_points__do_not_count() -> None:
    registrations = [(wallet, 1_000) for wallet in CROWD]

    assert find_registered_together(registrations, frozenset(CROWD[1:])) == []


def test_own_customer__nearly_all_for_one__is_seen_from_the_bound_on() -> None:
    bound, rest = divmod(ONE_CUSTOMER_BPS, 100)
    assert rest == 0
    seen = work(work(WorkBook(), bound, user_id="friend"), 100 - bound, user_id="user-1")
    unseen = work(work(WorkBook(), bound - 1, user_id="friend"), 101 - bound, user_id="user-1")

    assert [one.wallet for one in seen.find_suspicions()] == [OWNER]
    assert unseen.find_suspicions() == []


def test_registered_together__others_in_between__do_not_break_the_burst() -> None:
    stranger = Wallet(f"0x{255:040x}")
    rows = [(wallet, 2 * minute) for minute, wallet in enumerate(CROWD)]

    found = find_registered_together([*rows, (stranger, 1)], frozenset(CROWD))

    assert {one.wallet for one in found} == set(CROWD)
    assert f"{len(CROWD)} wallets" in found[0].evidence
