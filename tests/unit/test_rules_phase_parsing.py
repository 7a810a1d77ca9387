"""A published phase is read as the phase that it was made of, or is refused by name."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
from phase_states import (
    ALICE,
    BOB,
    CLOSED,
    LAST,
    LATER,
    appealed,
    decided,
    make_closed,
    make_denied,
    make_final,
    make_open,
    without_bob,
)
from refusals import Refusal, refuse

from basis.rules.canonical import canonical_json
from basis.rules.errors import InvalidInput, InvalidWallet
from basis.rules.phase_file import phase_document, phase_file
from basis.rules.phase_parsing import find_file_difference, parse_phase_file
from basis.rules.phase_steps import Phase, exclude
from basis.rules.phases import AppealDecision, ExclusionReason, PhasePool

FINAL = json.loads(phase_file(make_final()))
POOLS = (
    PhasePool(name="image", points_asset="WAIFU", amount_raw=70),
    PhasePool(name="llm", points_asset="LLAMA", amount_raw=1_000),
)


def _without_both() -> Phase:
    return exclude(
        without_bob(make_closed()),
        wallet=ALICE,
        reason=ExclusionReason.DUPLICATE_CLAIM,
        evidence="claimed twice\non two days",
        now=LATER,
    )


def _of_two_pools() -> Phase:
    closed = make_closed()
    points = {("image", BOB): 5, ("llm", ALICE): 3_000_000, ("llm", BOB): 1}
    return replace(closed, terms=replace(closed.terms, pools=POOLS), points=points)


STATES: dict[str, Callable[[], Phase]] = {
    "closed": make_closed,
    "without Bob": lambda: without_bob(make_closed()),
    "without both": _without_both,
    "appealed": lambda: appealed(without_bob(make_closed())),
    "accepted": lambda: decided(appealed(without_bob(make_closed())), AppealDecision.ACCEPTED),
    "denied": make_denied,
    "final": make_final,
    "of two pools": _of_two_pools,
    "without points": lambda: replace(make_closed(), points={}),
}


def _changed(value: object, *path: str | int, of: Callable[[], Phase] = make_final) -> bytes:
    """The file of a phase with another value at one place, spelt as basis writes it."""
    document = json.loads(phase_file(of()))
    inner: Any = document
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode() + b"\n"


def _parse(value: object, *path: str | int) -> Callable[[], object]:
    data = _changed(value, *path)
    return lambda: parse_phase_file(data)


def _exclusions(order: list[int]) -> Callable[[], object]:
    rows = json.loads(phase_file(_without_both()))["exclusions"]
    return _parse([rows[index] for index in order], "exclusions")


APPEAL = ("exclusions", 0, "appeal")
DOUBLED = [FINAL["lines"][1], FINAL["lines"][1]]

REFUSED = {
    "version": Refusal(_parse(2, "phaseVersion"), ("version 2", "'2026-11-23'", "not know")),
    "rules": Refusal(_parse("2031-01-01", "rules"), ("version 1", "'2031-01-01'")),
    "phase": Refusal(_parse("S1", "terms", "phase"), ("'S1'",), "id"),
    "from": Refusal(
        _parse("2026-11-01", "terms", "from"), ("recorded as 2026-11-01T00:00:00.000Z",), "from"
    ),
    "openedAt": Refusal(_parse("x", "openedAt"), ("openedAt is 'x'",), "openedAt"),
    "closedAt": Refusal(_parse("", "closedAt"), ("closedAt is ''",), "closedAt"),
    "finalAt": Refusal(_parse("2026-13-01", "finalAt"), ("finalAt is '2026-13-01'",), "finalAt"),
    "amountRaw": Refusal(
        _parse("-1", "terms", "pools", 0, "amountRaw"), ("amountRaw is '-1'",), "amountRaw"
    ),
    "pointsRaw": Refusal(
        _parse("1.5", "lines", 0, "pointsRaw"), ("pointsRaw is '1.5'",), "pointsRaw"
    ),
    "owner in lower case": Refusal(
        _parse(ALICE.lower(), "lines", 0, "wallet"), (ALICE.lower(), "EIP-55"), "wallet"
    ),
    "owner that is none": Refusal(
        _parse("0x12", "lines", 0, "wallet"), ("wallet is '0x12'",), "wallet", InvalidWallet
    ),
    "excluded in lower case": Refusal(
        _parse(BOB.lower(), "exclusions", 0, "wallet"), (BOB.lower(), "EIP-55"), "wallet"
    ),
    "two lines": Refusal(_parse(DOUBLED, "lines"), (BOB, "two lines", "'llm'")),
    "evidence": Refusal(_parse(" ", "exclusions", 0, "evidence"), ("evidence is ''",), "evidence"),
    "excludedAt": Refusal(
        _parse("now", "exclusions", 0, "excludedAt"), ("excludedAt is 'now'",), "excludedAt"
    ),
    "text": Refusal(_parse("", *APPEAL, "text"), ("text is ''",), "text"),
    "filedAt": Refusal(_parse("", *APPEAL, "filedAt"), ("filedAt is ''",), "filedAt"),
    "reason": Refusal(_parse("\x07", *APPEAL, "reason"), (r"reason is '\x07'",), "reason"),
    "decidedAt": Refusal(
        _parse("1999-01-01", *APPEAL, "decidedAt"), ("decidedAt is '1999-01-01'",), "decidedAt"
    ),
    "exclusions in disorder": Refusal(_exclusions([1, 0]), ("order of their wallets",)),
    "exclusion twice": Refusal(_exclusions([0, 0]), ("one for each",)),
}


@pytest.mark.parametrize("state", STATES)
def test_parse_phase_file__file_of_a_phase__is_that_phase(state: str) -> None:
    phase = STATES[state]()

    document, parsed = parse_phase_file(phase_file(phase))

    assert parsed == phase
    assert document == json.loads(phase_file(phase))


@pytest.mark.parametrize("name", REFUSED)
def test_parse_phase_file__what_no_phase_says__is_refused_by_name(name: str) -> None:
    refusal = REFUSED[name]

    assert refuse(refusal) == (refusal.kind, refusal.param, [])


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"[]", b"null", b"\xff", b"{}", b"[" * 100_000, phase_file(make_open())],
    ids=["nothing", "cut", "list", "null", "no UTF-8", "empty", "nested", "of an open phase"],
)
def test_parse_phase_file__no_file_of_a_closed_phase__is_refused(data: bytes) -> None:
    with pytest.raises(InvalidInput, match=r"no file of a closed phase: ."):
        parse_phase_file(data)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("status",), "over"),
        (("receipts", "count"), -1),
        (("receipts", "lastSeq"), 2**53),
        (("receipts", "closing"), 1.5),
        (("receipts", "lateCount"), "0"),
        (("terms", "appealDays"), "7"),
        (("terms", "pools", 0, "amountRaw"), 1_000),
        (("exclusions", 0, "reason"), "dislike"),
        ((*APPEAL, "decision"), "perhaps"),
    ],
)
def test_parse_phase_file__value_of_another_kind__is_refused_with_its_place(
    path: tuple[str | int, ...], value: object
) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_phase_file(_changed(value, *path))

    assert "no file of a closed phase" in refused.value.message
    assert str(path[-1]) in refused.value.message


def test_parse_phase_file__member_that_follows__is_kept_in_the_document_alone() -> None:
    document, phase = parse_phase_file(_changed("ETH", "tokenSymbol"))

    assert document == {**FINAL, "tokenSymbol": "ETH"}
    assert phase == make_final()


def test_parse_phase_file__day_without_a_time__is_its_midnight() -> None:
    _document, phase = parse_phase_file(_changed("2026-12-09", "closedAt"))

    assert phase.closed_at == "2026-12-09T00:00:00.000Z"


@pytest.mark.parametrize("state", STATES)
def test_find_file_difference__file_as_it_was_made__has_none(state: str) -> None:
    phase = STATES[state]()

    assert find_file_difference(phase_file(phase)) == (phase, None)


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("wallets", 0, "amountRaw"), "999", "wallets[0].amountRaw is '999', and recomputes to"),
        (("pools", 0, "dustRaw"), "1", "pools[0].dustRaw is '1', and recomputes to '0'"),
        (("tokenSymbol",), "ETH", "tokenSymbol is 'ETH', and recomputes to 'BASIS'"),
        (("more",), 1, "more is not to be there"),
        (("openedAt",), LAST, f"it was closed at {CLOSED}, before its end"),
        ((*APPEAL, "reason"), "", f"the appeal of {BOB} is decided in part"),
        (("lines", 0, "pool"), "video", "there are points for the pool 'video', which is none"),
        (("exclusions", 0, "evidence"), " one machine", "exclusions[0].evidence is ' one machine'"),
    ],
)
def test_find_file_difference__figure_that_does_not_follow__is_the_first_named(
    path: tuple[str | int, ...], value: object, words: str
) -> None:
    _phase, flaw = find_file_difference(_changed(value, *path))

    assert flaw is not None
    assert flaw.startswith(words)


def test_find_file_difference__flaw_of_the_state__comes_before_a_wrong_figure() -> None:
    document = deepcopy(FINAL)
    document["openedAt"] = LAST
    document["tokenSymbol"] = "ETH"

    _phase, flaw = find_file_difference(canonical_json(document))

    assert flaw == f"it was closed at {CLOSED}, before its end"


@pytest.mark.parametrize(
    "data",
    [
        phase_file(make_final()).removesuffix(b"\n"),
        phase_file(make_final()) + b"\n",
        json.dumps(FINAL, sort_keys=True).encode() + b"\n",
        json.dumps(dict(reversed(FINAL.items())), separators=(",", ":")).encode() + b"\n",
    ],
    ids=["no end of line", "two", "spaces", "unsorted"],
)
def test_find_file_difference__other_spelling__is_named_with_the_phase(data: bytes) -> None:
    assert find_file_difference(data) == (
        make_final(),
        "the file is not spelt as basis writes it",
    )


def test_find_file_difference__no_phase__is_refused() -> None:
    with pytest.raises(InvalidInput, match="no file of a closed phase"):
        find_file_difference(b"{}")


def test_phase_document__of_a_parsed_phase__is_the_one_that_was_read() -> None:
    document, phase = parse_phase_file(phase_file(_of_two_pools()))

    assert json.loads(canonical_json(phase_document(phase))) == document
