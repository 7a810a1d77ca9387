"""Requests and tokens per minute: reserved or refused at once, by a clock that the test holds."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from basis.gateway.keys import Customer
from basis.gateway.rate_limits import RateBook
from basis.rules.errors import LimitExceeded
from basis.rules.job import UserId
from basis.storage.key_store import NO_LIMITS, KeyLimits

SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US


@dataclass(slots=True)
class Clock:
    """A clock that stands still until it is moved."""

    now_us: int = 10**12

    def __call__(self) -> int:
        return self.now_us


def key(
    *,
    requests: int | None = None,
    tokens: int | None = None,
    key_id: str = "key",
    parent: KeyLimits | None = None,
) -> Customer:
    """A customer's key with these limits; with `parent`, a sub-key of a key with those."""
    return Customer(
        key_id=key_id,
        user_id=UserId("ann"),
        user_wallet="",
        parent_id="parent" if parent is not None else None,
        limits=KeyLimits(requests_per_minute=requests, tokens_per_minute=tokens),
        parent_limits=parent,
    )


@pytest.fixture
def clock() -> Clock:
    """The time."""
    return Clock()


@pytest.fixture
def book(clock: Clock) -> RateBook:
    """A book in which nothing was taken."""
    return RateBook(clock)


def passes(book: RateBook, customer: Customer, *, tokens: int = 1) -> bool:
    """Whether a request of so many tokens is let through."""
    try:
        book.reserve(customer, tokens=tokens)
    except LimitExceeded:
        return False
    return True


def retry_after(book: RateBook, customer: Customer, *, tokens: int = 1) -> int:
    """After how many seconds the refused request should come again."""
    with pytest.raises(LimitExceeded) as refused:
        book.reserve(customer, tokens=tokens)
    return refused.value.retry_after_s


@pytest.mark.parametrize("most", [1, 2, 10])
def test_requests__as_many_as_a_minute_holds__pass_and_the_next_waits(
    book: RateBook, clock: Clock, most: int
) -> None:
    asking = key(requests=most)

    assert [passes(book, asking) for _ in range(most + 3)] == [True] * most + [False] * 3
    assert retry_after(book, asking) == 60
    clock.now_us += MINUTE_US - 1
    assert retry_after(book, asking) == 1
    clock.now_us += 1
    assert passes(book, asking)


def test_requests__of_zero_a_minute__never_pass(book: RateBook, clock: Clock) -> None:
    asking = key(requests=0)

    for _minute in range(3):
        assert retry_after(book, asking) == 60
        clock.now_us += MINUTE_US


def test_tokens__within_the_limit__pass_until_it_is_reached(book: RateBook) -> None:
    asking = key(tokens=100)

    taken = [passes(book, asking, tokens=tokens) for tokens in (60, 41, 40, 1)]

    assert taken == [True, False, True, False]


def test_tokens__of_one_request_above_the_limit__can_never_pass(book: RateBook) -> None:
    with pytest.raises(LimitExceeded, match="lower max_tokens"):
        book.reserve(key(tokens=100), tokens=101)


def test_tokens__that_an_answer_did_not_use__are_free_at_once(book: RateBook) -> None:
    asking = key(tokens=100)
    reserved = book.reserve(asking, tokens=90)
    assert not passes(book, asking, tokens=20)

    reserved.settle(30)
    reserved.settle(0)

    assert [passes(book, asking, tokens=tokens) for tokens in (71, 70)] == [False, True]


def test_tokens__settled_after_their_minute__change_nothing(book: RateBook, clock: Clock) -> None:
    asking = key(tokens=100)
    reserved = book.reserve(asking, tokens=90)
    clock.now_us += MINUTE_US
    assert passes(book, asking, tokens=100)

    reserved.settle(0)

    assert not passes(book, asking, tokens=1)


def test_wait__says_when_enough_of_it_is_free_again(book: RateBook, clock: Clock) -> None:
    asking = key(requests=3, tokens=100)
    for tokens in (50, 30, 20):
        book.reserve(asking, tokens=tokens)
        clock.now_us += 10 * SECOND_US

    assert retry_after(book, asking, tokens=50) == 30
    assert retry_after(book, asking, tokens=51) == 40
    assert retry_after(book, asking, tokens=81) == 50
    clock.now_us += 30 * SECOND_US
    assert passes(book, asking, tokens=50)


def test_sub_keys__share_their_parents_minute(book: RateBook) -> None:
    shared = KeyLimits(requests_per_minute=3)
    one, two = (key(key_id=name, requests=2, parent=shared) for name in ("one", "two"))

    assert [passes(book, asking) for asking in (one, one, one, two, two)] == [
        True,
        True,
        False,
        True,
        False,
    ]


def test_request__refused_by_the_parent__takes_nothing_from_the_sub_key(
    book: RateBook, clock: Clock
) -> None:
    shared = KeyLimits(tokens_per_minute=10)
    asking = key(key_id="one", tokens=100, parent=shared)
    book.reserve(asking, tokens=10)
    assert [passes(book, asking) for _ in range(99)] == [False] * 99
    clock.now_us += MINUTE_US

    unbound = Customer(key_id="one", user_id=UserId("ann"), user_wallet="", limits=asking.limits)

    assert passes(book, unbound, tokens=100)


def test_keys__without_limits__are_not_counted(book: RateBook) -> None:
    free = key(parent=NO_LIMITS)

    assert all(passes(book, free, tokens=10**9) for _ in range(1_000))
    assert not book._windows


def test_book__of_more_keys_than_it_keeps__forgets_idle_ones_and_no_full_one(
    book: RateBook, clock: Clock
) -> None:
    names = [f"key-{number}" for number in range(10_050)]
    assert all(passes(book, key(key_id=name, requests=1)) for name in names)
    assert not any(passes(book, key(key_id=name, requests=1)) for name in names[:60])

    clock.now_us += MINUTE_US

    assert passes(book, key(key_id="new", requests=1))
    assert len(book._windows) <= 10_000


@given(
    steps=st.lists(
        st.tuples(
            st.integers(0, 30 * SECOND_US),
            st.integers(0, 60),
            st.none() | st.integers(0, 60),
        ),
        max_size=60,
    ),
    most_requests=st.none() | st.integers(0, 8),
    most_tokens=st.none() | st.integers(0, 100),
)
def test_window__whatever_comes__never_holds_more_than_its_limits(
    steps: list[tuple[int, int, int | None]], most_requests: int | None, most_tokens: int | None
) -> None:
    clock = Clock()
    book = RateBook(clock)
    asking = key(requests=most_requests, tokens=most_tokens)
    taken: list[list[int]] = []
    for pause_us, tokens, used in steps:
        clock.now_us += pause_us
        live = [one for one in taken if one[0] > clock.now_us - MINUTE_US]
        fits = (most_requests is None or len(live) < most_requests) and (
            most_tokens is None or sum(one[1] for one in live) + max(tokens, 1) <= most_tokens
        )
        if not fits:
            assert 1 <= retry_after(book, asking, tokens=tokens) <= 60
            continue
        reserved = book.reserve(asking, tokens=tokens)
        taken.append([clock.now_us, tokens])
        if used is not None:
            reserved.settle(min(used, tokens))
            taken[-1][1] = min(used, tokens)


def test_tokens__known_later__are_counted_then_and_not_before(book: RateBook) -> None:
    asking = key(requests=3, tokens=100)
    first, second = book.reserve(asking), book.reserve(asking)
    assert book.count("key") == (2, 0)

    first.raise_to(100)

    with pytest.raises(LimitExceeded, match="used up"):
        second.raise_to(1)
    assert book.count("key") == (2, 100)
    first.settle(40)
    second.raise_to(60)
    assert book.count("key") == (2, 100)
    assert not passes(book, asking, tokens=0), "no token is left"


def test_tokens__known_later_and_too_many_at_all__leave_the_request_counted(
    book: RateBook,
) -> None:
    asking = key(requests=1, tokens=100)
    reserved = book.reserve(asking)

    with pytest.raises(LimitExceeded, match="lower max_tokens"):
        reserved.raise_to(101)

    assert book.count("key") == (1, 0)
    assert not passes(book, asking)


def test_tokens__known_later_above_the_parents__count_for_neither(book: RateBook) -> None:
    asking = key(tokens=100, parent=KeyLimits(tokens_per_minute=50))
    reserved = book.reserve(asking)

    with pytest.raises(LimitExceeded):
        reserved.raise_to(51)

    assert (book.count("key"), book.count("parent")) == ((1, 0), (1, 0))


def test_tokens__known_once_an_older_minute_is_over__have_its_room(
    book: RateBook, clock: Clock
) -> None:
    asking = key(tokens=1_000)
    book.reserve(asking, tokens=900)
    clock.now_us += 59_990_000
    later = book.reserve(asking)
    clock.now_us += 1_210_000

    later.raise_to(500)

    assert book.count("key") == (1, 500)
