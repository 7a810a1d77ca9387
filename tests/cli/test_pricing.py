"""`basis pricing`: epochs are proposed once, and activated for the future alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from basis.rules.epoch_form import compute_epoch_hash, epoch_json
from basis.rules.epochs import EPOCHS
from tests.cli.conftest import Command
from tests.support.epochs import SPRING, THEN, write_epoch


def in_future(*, seconds: int) -> str:
    """The time so many seconds from now, as it is typed."""
    return (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_show__fresh_folder__is_the_epoch_that_ships(basis: Command) -> None:
    basis("key", "create")

    (listed,) = basis("pricing", "show", "--json").json

    assert (listed["state"], listed["effectiveFrom"]) == ("in force", None)
    assert listed["epoch"] == epoch_json(EPOCHS[-1])
    assert listed["hash"] == compute_epoch_hash(EPOCHS[-1])
    shown = basis("pricing", "show", EPOCHS[-1].version).out
    assert "placeholder" in shown
    assert "15 CREDIT" in shown


def test_propose__json__shows_hash_and_effective_prices_and_prices_nothing(
    basis: Command, tmp_path: Path
) -> None:
    file = str(write_epoch(tmp_path))

    proposed = basis("pricing", "propose", file, "--json").json
    again = basis("pricing", "propose", file)

    assert (proposed["state"], proposed["hash"]) == ("proposed", compute_epoch_hash(SPRING))
    prices = {row["model"]: row for row in proposed["effectivePrices"]}
    # 200 credits x 1x x 1.5, and 1 credit x 0.1x x 1.5 for the model with a row of its own.
    assert prices["basis-default"]["promptPrice"] == "300000000"
    assert prices["basis-tiny"]["promptPrice"] == "150000"
    assert "basis pricing activate spring --from" in again.err
    states = [one["state"] for one in basis("pricing", "show", "--json").json]
    assert states == ["in force", "proposed"]


def test_propose__toml__is_the_same_epoch(basis: Command, tmp_path: Path) -> None:
    lines = [
        f"{name} = {msgspec.json.encode(value).decode()}"
        for name, value in epoch_json(SPRING).items()
        if not (isinstance(value, list) and value)
    ]
    for name in ("modelPrices", "imageMultipliers"):
        for row in epoch_json(SPRING)[name]:  # type: ignore[attr-defined]  # a list of tables
            lines.append(f"[[{name}]]")
            lines += [f"{key} = {msgspec.json.encode(one).decode()}" for key, one in row.items()]
    (tmp_path / "spring.toml").write_text("\n".join(lines))

    proposed = basis("pricing", "propose", "spring.toml", "--json").json

    assert proposed["hash"] == compute_epoch_hash(SPRING)


@pytest.mark.parametrize(
    "changes",
    [
        {"version": "Has Space"},
        {"promptPrice": 5},
        {"promptPrice": "-5"},
        {"promptPrice": "1.5"},
        {"promptPrice": "1" + "0" * 13},
        {"promptPrice": "9" * 100},
        {"protocolFeeBps": 10_001},
        {"protocolFeeBps": -1},
        {"protocolFeeBps": 0.5},
        {"basisRawPerMicrocredit": "x"},
        {"unknown": 1},
        {"modelPrices": [{"model": "basis-tiny"}]},
        {"modelMultipliers": [{"model": "a", "multiplierBps": 1}] * 2},
        {"utilisationBps": 1_000_000, "supplyBps": 1_000_000, "demandBps": 1_000_000},
        {"workerFloorPrice": "1", "protocolFeeBps": 10_000},
        {"isPlaceholder": "no"},
    ],
)
def test_propose__epoch_that_cannot_be__exits_with_3_and_records_nothing(
    basis: Command, tmp_path: Path, changes: dict[str, Any]
) -> None:
    basis("key", "create")
    file = write_epoch(tmp_path, **changes)

    outcome = basis("pricing", "propose", str(file))

    assert (outcome.code, outcome.out) == (3, "")
    assert outcome.err.startswith("basis: ")
    assert len(basis("pricing", "show", "--json").json) == 1


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("e.json", b"", 3),
        ("e.json", b"{", 3),
        ("e.json", b"[]", 3),
        ("e.json", b"\xff", 3),
        ("e.json", b"[" * 100_000, 3),
        ("e.json", b" " * (1 << 21), 3),
        ("e.toml", b"= no toml", 6),
        ("e.toml", b"promptPrice = nan", 3),
        ("e.toml", b"version = 2026-01-01", 3),
        ("none.json", None, 3),
        (".", None, 3),
    ],
)
def test_propose__file_that_is_none__is_refused(
    basis: Command, tmp_path: Path, name: str, content: bytes | None, code: int
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)

    outcome = basis("pricing", "propose", name)

    assert (outcome.code, outcome.out) == (code, "")
    assert "Traceback" not in outcome.err


def test_propose__version_on_record_or_shipped__exits_with_5(
    basis: Command, tmp_path: Path
) -> None:
    basis("pricing", "propose", str(write_epoch(tmp_path)))

    changed = basis("pricing", "propose", str(write_epoch(tmp_path, promptPrice="1")))
    shipped = basis("pricing", "propose", str(write_epoch(tmp_path, EPOCHS[-1])))

    assert (changed.code, shipped.code) == (5, 5)
    assert "never changed" in changed.err
    assert "ships" in shipped.err


def test_activate__for_the_future__is_shown_and_asked_for_by_time(
    basis: Command, tmp_path: Path
) -> None:
    basis("pricing", "propose", str(write_epoch(tmp_path)))

    outcome = basis("pricing", "activate", "spring", "--from", "2999-01-01T00:00:00Z")

    assert outcome.out == "spring prices what is accepted from 2999-01-01T00:00:00.000Z on\n"
    listed = {one["epoch"]["version"]: one for one in basis("pricing", "show", "--json").json}
    assert listed["spring"]["state"] == "activated"
    for at, version in (
        ("2998-12-31T23:59:59Z", EPOCHS[-1].version),
        ("2999-01-01T00:00:00Z", "spring"),
    ):
        shown = basis("pricing", "show", "--at", at, "--json").json
        assert shown["epoch"]["version"] == version
    assert basis("recompute").code == 0


def test_activate__wrong_input__is_refused_and_changes_nothing(
    basis: Command, tmp_path: Path
) -> None:
    summer = replace(SPRING, version="summer")
    for epoch in (SPRING, summer):
        basis("pricing", "propose", str(write_epoch(tmp_path, epoch)))
    basis("pricing", "activate", "spring", "--from", "2999-01-01T00:00:00Z")

    for version, begin, code, named in (
        ("summer", "2999-01-01T00:00:00Z", 5, "begins at"),
        ("spring", "2999-02-01T00:00:00Z", 5, "activated"),
        ("summer", "2020-01-01T00:00:00Z", 3, "future only"),
        ("summer", in_future(seconds=30), 3, "too near"),
        ("summer", "2999-01-02", 3, "--from"),
        ("summer", "soon", 3, "--from"),
        ("winter", "2999-01-03T00:00:00Z", 4, "winter"),
        (EPOCHS[-1].version, "2999-01-03T00:00:00Z", 4, "was proposed"),
    ):
        outcome = basis("pricing", "activate", version, "--from", begin)
        assert (outcome.code, outcome.out) == (code, ""), outcome.err
        assert named in outcome.err
    states = [one["state"] for one in basis("pricing", "show", "--json").json]
    assert states == ["in force", "activated", "proposed"]


def test_show__wrong_input__is_refused(basis: Command) -> None:
    basis("key", "create")

    assert basis("pricing", "show", "none").code == 4
    assert basis("pricing", "show", "--at", "yesterday").code == 3
    assert basis("pricing", "show", EPOCHS[-1].version, "--at", THEN).code == 3
