"""Addresses in messages tell no password and no key."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from basis.worker.exits import WorkerStop
from basis.worker.settings import parse_url
from basis.worker.shown_address import shown_address

SECRET = "s3cr3t"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://127.0.0.1:1", "http://127.0.0.1:1"),
        ("https://example.org/a/b", "https://example.org/a/b"),
        (f"https://user:{SECRET}@example.org:8/a", "https://example.org:8/a"),
        (f"https://{SECRET}@example.org", "https://example.org"),
        (f"https://user:{SECRET}@more@example.org", "https://example.org"),
        (f"https://user:{SECRET}/?#@example.org", "https://example.org"),
        (f"https://example.org/a?key={SECRET}#x", "https://example.org/a"),
        (f"user:{SECRET}@example.org", "example.org"),
        ("", ""),
        ("http://[", "http://["),
    ],
)
def test_address__shown__has_no_secret(url: str, shown: str) -> None:
    assert shown_address(url) == shown
    assert SECRET not in shown_address(url)


@given(st.text(alphabet="abc:/?#[]%", max_size=12))
def test_address__any_password__is_not_shown(password: str) -> None:
    assert shown_address(f"https://me:{SECRET}{password}@host/path") == "https://host/path"


def test_address__that_cannot_be_used__is_refused_without_its_password() -> None:
    with pytest.raises(WorkerStop) as refused:
        parse_url(f"ftp://me:{SECRET}@host", option="--orchestrator")

    assert SECRET not in str(refused.value)
    assert "ftp://host" in str(refused.value)
