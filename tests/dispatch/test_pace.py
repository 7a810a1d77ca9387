"""How fast a worker has been: whole answers, newer ones more than older ones."""

from __future__ import annotations

from basis.dispatch.pace import UNMEASURED
from tests.dispatch.sessions import make_session


def test_pace__nothing_measured__is_unknown() -> None:
    assert UNMEASURED.token_us is None
    assert make_session().pace("m").token_us is None


def test_pace__same_answer_again_and_again__stays_what_it_is() -> None:
    pace = UNMEASURED
    for _ in range(100):
        pace = pace.after(busy_us=1_000_000, tokens=20)

    assert pace.token_us is not None
    assert abs(pace.token_us - 50_000) <= 10


def test_pace__one_slow_answer__moves_it_by_less_than_its_whole() -> None:
    before = UNMEASURED
    for _ in range(50):
        before = before.after(busy_us=1_000_000, tokens=100)

    after = before.after(busy_us=10_000_000, tokens=100)

    assert before.token_us is not None
    assert after.token_us is not None
    assert abs(before.token_us - 10_000) <= 10
    assert 20_000 < after.token_us < 25_000


def test_pace__long_and_short_answer__the_long_one_counts_for_more() -> None:
    pace = UNMEASURED.after(busy_us=1_000_000, tokens=1).after(busy_us=1_000_000, tokens=999)

    assert pace.token_us is not None
    assert pace.token_us < 2_000


def test_session__measured_for_one_model__says_nothing_of_another() -> None:
    session = make_session(models=("a", "b"))

    session.on_measured("a", busy_us=300, tokens=3)

    assert session.pace("a").token_us == 100
    assert session.pace("b").token_us is None
