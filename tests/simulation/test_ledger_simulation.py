"""A short run of the simulation, and that it would notice: a broken ledger fails it."""

from __future__ import annotations

import pytest

from basis.storage import ledger_store
from tests.simulation.ledger import run_episode

OPERATIONS = 2_000
"""Of each seed here; `python -m tests.simulation.ledger` does as many as one likes."""

GROUP = 12
"""Small, so that there are many: some of each kind of wrong ones too."""


@pytest.mark.parametrize("seed", range(1, 5))
def test_simulation__random_operations__break_no_invariant(seed: int) -> None:
    counts = run_episode((seed, OPERATIONS), largest_group=GROUP)

    assert counts.total() >= OPERATIONS
    assert {"job", "payment", "adjustment", "reversal", "repeat", "crash"} <= counts.keys()
    assert {name for name in counts if name.startswith("refusal")} == {
        "refusal: Conflict",
        "refusal: UnknownAccount",
        "refusal: FloorBroken",
    }


def test_simulation__same_seed__does_the_same() -> None:
    assert run_episode((7, 500)) == run_episode((7, 500))


@pytest.mark.parametrize("name", ["check_repeat", "_validate_move", "account_of_path"])
def test_simulation__a_check_of_the_store_is_missing__is_noticed(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(ledger_store, name, lambda *_args, **_options: None)

    with pytest.raises(AssertionError, match=r"seed 1, operation \d+"):
        run_episode((1, OPERATIONS), largest_group=GROUP)
