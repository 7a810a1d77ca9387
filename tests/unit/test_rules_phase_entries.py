"""The entries of a phase, posting by posting."""

from __future__ import annotations

from phase_states import ALICE, BOB, make_closed, without_bob

from basis.rules.ledger import Entry
from basis.rules.phase_entries import phase_opened, phase_shared, vesting_released


def moved(entry: Entry) -> dict[tuple[str, str], int]:
    """What the entry adds to each account."""
    return {(one.account, one.asset): one.amount_raw for one in entry.postings}


def test_phase_opened__pools__come_from_the_emission() -> None:
    entry = phase_opened(make_closed().terms)

    assert (entry.kind, entry.cause) == ("phase_opened", "phase/s1/opened")
    assert moved(entry) == {("emission/phases", "BASIS"): -1_000, ("phase/s1/llm", "BASIS"): 1_000}


def test_phase_shared__shares_and_points__move_together() -> None:
    phase = make_closed()

    entry = phase_shared(phase.terms.id, phase.result())

    assert (entry.kind, entry.cause) == ("phase_shared", "phase/s1/shared")
    assert moved(entry) == {
        ("phase/s1/llm", "BASIS"): -1_000,
        (f"vesting/s1/{ALICE}", "BASIS"): 750,
        (f"vesting/s1/{BOB}", "BASIS"): 250,
        (f"points/earned/{ALICE}", "LLAMA"): -3_000_000,
        (f"points/redeemed/{ALICE}", "LLAMA"): 3_000_000,
        (f"points/earned/{BOB}", "LLAMA"): -1_000_000,
        (f"points/redeemed/{BOB}", "LLAMA"): 1_000_000,
    }


def test_phase_shared__excluded_wallet__moves_nothing() -> None:
    phase = without_bob(make_closed())

    entry = phase_shared(phase.terms.id, phase.result())

    assert moved(entry)[(f"vesting/s1/{ALICE}", "BASIS")] == 1_000
    assert not [account for account, _asset in moved(entry) if account.endswith(BOB)]


def test_vesting_released__each_part__is_the_floor_and_the_last_the_rest() -> None:
    terms = make_closed().terms

    first, last = (vesting_released(terms, {ALICE: 7}, number=number) for number in (1, 2))

    assert (first.kind, first.cause) == ("vesting_released", "phase/s1/vested/1")
    assert moved(first) == {
        (f"vesting/s1/{ALICE}", "BASIS"): -3,
        (f"phase/vested/{ALICE}", "BASIS"): 3,
    }
    assert moved(last)[(f"phase/vested/{ALICE}", "BASIS")] == 4
