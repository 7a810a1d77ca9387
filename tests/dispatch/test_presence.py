"""Presence: minutes in which a worker was heard, over the last day, against a plain set."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from basis.dispatch.presence import PresenceBook

NOW = 29_000_000
MINUTES = st.integers(NOW - 3_000, NOW)


@given(st.lists(MINUTES, max_size=80), st.integers(NOW, NOW + 3_000))
def test_online_minutes__any_marks__are_those_of_the_last_1440(
    marked: list[int], asked_at: int
) -> None:
    book = PresenceBook({})

    for minute in marked:
        book.mark("w", minute=minute)

    expected = len({minute for minute in marked if asked_at - 1_440 < minute <= asked_at})
    assert book.online_minutes("w", minute=asked_at) == expected


@given(st.lists(st.tuples(st.sampled_from(["mark", "flush"]), MINUTES), max_size=60))
def test_take_changes__stored_and_loaded_again__count_the_same(
    events: list[tuple[str, int]],
) -> None:
    book = PresenceBook({})
    stored: dict[str, dict[int, int]] = {}
    latest = NOW - 3_000

    for what, minute in sorted(events, key=lambda event: event[1]):
        latest = minute
        if what == "mark":
            book.mark("w", minute=minute)
        else:
            for (worker, hour), mask in book.take_changes(minute=minute).items():
                stored.setdefault(worker, {})[hour] = mask
    for (worker, hour), mask in book.take_changes(minute=latest).items():
        stored.setdefault(worker, {})[hour] = mask

    reloaded = PresenceBook(stored)
    assert reloaded.online_minutes("w", minute=latest) == book.online_minutes("w", minute=latest)


def test_online_minutes__unknown_worker__is_none() -> None:
    assert PresenceBook({}).online_minutes("w", minute=NOW) == 0


def test_online_minutes__a_whole_day__is_1440() -> None:
    book = PresenceBook({})

    for minute in range(NOW - 2_000, NOW + 1):
        book.mark("w", minute=minute)

    assert book.online_minutes("w", minute=NOW) == 1_440


def test_mark__twice_in_a_minute__counts_once() -> None:
    book = PresenceBook({})

    book.mark("w", minute=NOW)
    book.mark("w", minute=NOW)

    assert book.online_minutes("w", minute=NOW) == 1
    assert len(book.take_changes(minute=NOW)) == 1
    assert book.take_changes(minute=NOW) == {}


def test_mark__one_worker__says_nothing_of_another() -> None:
    book = PresenceBook({})

    book.mark("w1", minute=NOW)

    assert book.online_minutes("w2", minute=NOW) == 0
