"""The pepper and what is hashed under it."""

from __future__ import annotations

import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from basis.rules.errors import Misconfigured
from basis.storage.database import open_database
from basis.storage.secrets import (
    API_KEY_PREFIX,
    PEPPER_FILE,
    WORKER_TOKEN_PREFIX,
    load_hasher,
    new_api_key,
    new_worker_token,
    require_pepper,
)
from tests.support.orchestrators import make_key


def test_pepper__made_at_the_first_start__is_for_its_owner_alone(tmp_path: Path) -> None:
    load_hasher(tmp_path)

    assert stat.S_IMODE((tmp_path / PEPPER_FILE).stat().st_mode) == 0o600


def test_pepper__once_made__hashes_the_same_for_ever(tmp_path: Path) -> None:
    key = new_api_key()

    first, second = (load_hasher(tmp_path).hash(key) for _start in range(2))

    assert first == second
    assert load_hasher(tmp_path).matches(key, first)


def test_pepper__of_another_folder__hashes_otherwise(tmp_path: Path) -> None:
    key = new_api_key()
    for name in ("here", "there"):
        (tmp_path / name).mkdir()

    here, there = (load_hasher(tmp_path / name).hash(key) for name in ("here", "there"))

    assert here != there
    assert not load_hasher(tmp_path / "there").matches(key, here)


def test_pepper__made_by_many_at_once__is_one_and_whole(tmp_path: Path) -> None:
    key = new_api_key()
    for number in range(30):
        folder = tmp_path / str(number)
        folder.mkdir()
        start = threading.Barrier(8)

        def make(folder: Path = folder, start: threading.Barrier = start) -> str:
            start.wait()
            return load_hasher(folder).hash(key)

        with ThreadPoolExecutor(8) as pool:
            hashes = {made.result() for made in [pool.submit(make) for _maker in range(8)]}

        assert len(hashes) == 1
        assert [path.name for path in folder.iterdir()] == [PEPPER_FILE]


@pytest.mark.parametrize(
    "content", [b"", b"ab" * 31, b"ab" * 33, b"zz" * 32, b"\xff" * 64], ids=repr
)
def test_pepper__damaged__is_refused_and_kept(tmp_path: Path, content: bytes) -> None:
    (tmp_path / PEPPER_FILE).write_bytes(content)

    with pytest.raises(Misconfigured) as refused:
        load_hasher(tmp_path)

    assert str(tmp_path / PEPPER_FILE) in refused.value.message
    assert (tmp_path / PEPPER_FILE).read_bytes() == content


def test_pepper__in_a_folder_that_is_missing__names_the_file(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="cannot be made"):
        load_hasher(tmp_path / "missing")


def test_secrets__fresh__never_repeat_and_say_what_they_are() -> None:
    keys = {new_api_key() for _ in range(100)}
    tokens = {new_worker_token() for _ in range(100)}

    assert len(keys) == len(tokens) == 100
    assert all(key.startswith(API_KEY_PREFIX) and len(key) == 52 for key in keys)
    assert all(token.startswith(WORKER_TOKEN_PREFIX) for token in tokens)


def test_hash__of_a_key__does_not_hold_the_key(tmp_path: Path) -> None:
    key = new_api_key()

    secret_hash = load_hasher(tmp_path).hash(key)

    assert len(secret_hash) == 64
    assert key.removeprefix(API_KEY_PREFIX) not in secret_hash


def test_require_pepper__gone_with_keys_on_record__refuses(tmp_path: Path) -> None:
    make_key(tmp_path)
    (tmp_path / "pepper").unlink()
    engine = open_database(tmp_path, create=False)
    with pytest.raises(Misconfigured, match="restore it from a backup"):
        require_pepper(tmp_path, engine)
    engine.dispose()


def test_require_pepper__fresh_folder__lets_one_be_made(tmp_path: Path) -> None:
    engine = open_database(tmp_path, create=True)
    require_pepper(tmp_path, engine)
    load_hasher(tmp_path)
    require_pepper(tmp_path, engine)
    engine.dispose()
    assert (tmp_path / "pepper").is_file()
