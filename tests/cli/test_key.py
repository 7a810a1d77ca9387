"""`basis key`: a key is shown once, works, and stops working when it is revoked."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.support.basis_process import run_basis
from tests.support.books import ALICE, BOB
from tests.support.orchestrators import Customer, orchestrator


def test_key_create__first_time__makes_the_data_folder_and_shows_the_key(
    basis: Command, tmp_path: Path
) -> None:
    outcome = basis("key", "create", "--name", "laptop")

    assert outcome.code == 0
    assert outcome.out.startswith("sk-basis-")
    assert len(outcome.out.split()) == 1
    assert "only time" in outcome.err
    assert (tmp_path / "data" / "pepper").stat().st_mode & 0o077 == 0


def test_key_create__afterwards__the_key_is_shown_nowhere(basis: Command, tmp_path: Path) -> None:
    key = basis("key", "create").out.strip()

    for words in (("key", "list"), ("key", "list", "--json")):
        assert key not in basis(*words).out
    assert not [path for path in (tmp_path / "data").iterdir() if key.encode() in path.read_bytes()]


def test_key_create__as_json__names_key_and_customer(basis: Command) -> None:
    made = basis("key", "create", "--user", "acme", "--wallet", ALICE.lower(), "--json").json
    listed = basis("key", "list", "--json").json

    assert made["user_id"] == "acme"
    assert made["key"].startswith("sk-basis-")
    assert [(key["id"], key["user_id"], key["user_wallet"]) for key in listed] == [
        (made["id"], "acme", ALICE)
    ]
    assert listed[0]["revoked_at"] is None


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--user", "a b"), "--user"),
        (("--user", "-x"), "--user"),
        (("--user", "x" * 65), "--user"),
        (("--wallet", "0x12"), "--wallet"),
        (("--wallet", ALICE.replace("A", "a", 1)), "checksum"),
        (("--wallet", "0x" + "0" * 40), "zero address"),
    ],
)
def test_key_create__wrong_input__exits_with_3_and_makes_nothing(
    basis: Command, tmp_path: Path, options: tuple[str, ...], named: str
) -> None:
    outcome = basis("key", "create", *options)

    assert (outcome.code, outcome.out) == (3, "")
    assert named in outcome.err
    assert outcome.err.startswith("basis: ")
    assert not (tmp_path / "data").exists()


def test_key_create__pepper_lost__exits_with_6_rather_than_void_every_key(
    basis: Command, tmp_path: Path
) -> None:
    basis("key", "create")
    (tmp_path / "data" / "pepper").unlink()

    outcome = basis("key", "create")

    assert (outcome.code, outcome.out) == (6, "")
    assert "backup" in outcome.err
    assert len(basis("key", "list", "--json").json) == 1


def test_key_create__customer_with_another_wallet__exits_with_3(basis: Command) -> None:
    basis("key", "create", "--user", "acme", "--wallet", ALICE)

    outcome = basis("key", "create", "--user", "acme", "--wallet", BOB)

    assert outcome.code == 3
    assert ALICE in outcome.err


def test_key_list__without_data__exits_with_6_and_says_what_to_do(basis: Command) -> None:
    outcome = basis("key", "list")

    assert (outcome.code, outcome.out) == (6, "")
    assert "basis up" in outcome.err


def test_key_revoke__unknown_key__exits_with_4(basis: Command) -> None:
    basis("key", "create")

    outcome = basis("key", "revoke", "key_00000000")

    assert outcome.code == 4
    assert "basis key list" in outcome.err


def test_key_revoke__twice__keeps_the_first_time(basis: Command) -> None:
    key_id = basis("key", "create", "--json").json["id"]

    first, second = (basis("key", "revoke", key_id, "--json").json for _ in range(2))

    assert first == second
    assert basis("key", "list", "--json").json[0]["revoked_at"] == first["revoked_at"]
    assert first["revoked_at"] in basis("key", "list").out


async def test_key__made_and_revoked_beside_a_running_orchestrator__opens_and_closes_the_door(
    tmp_path: Path,
) -> None:
    def key_command(*words: str) -> str:
        done = run_basis("key", *words, "--data", str(tmp_path), folder=tmp_path)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    async with orchestrator(tmp_path) as (running, _other):
        fresh = Customer(running.url, key_command("create", "--user", "late"))
        async with fresh.get("/v1/models") as response:
            first = response.status
        for line in key_command("list").splitlines():
            if " late " in line:
                key_command("revoke", line.split()[0])
        again = Customer(running.url, fresh.key)
        running.context.keys._seen.clear()  # what a few seconds would do
        async with again.get("/v1/models") as response:
            second = response.status
        await fresh.http.close()
        await again.http.close()

    assert (first, second) == (200, 401)
