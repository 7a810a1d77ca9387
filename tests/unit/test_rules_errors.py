"""The error tree: what callers and the gateway rely on."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import pytest

from basis.rules import errors
from basis.rules.errors import (
    BasisError,
    InvalidInput,
    JobFailed,
    LimitExceeded,
    RuntimePending,
    UnknownModel,
)


def _tree(head: type[BasisError], depth: int = 0) -> Iterator[tuple[int, type[BasisError]]]:
    yield depth, head
    for branch in head.__subclasses__():
        if branch.__module__ == errors.__name__:
            yield from _tree(branch, depth + 1)


EVERY_ERROR = [error for _, error in _tree(BasisError)]


def test_errors__drawn_tree__is_the_real_one() -> None:
    drawn = [
        (len(prefix) // 4, name)
        for prefix, name in re.findall(r"^([│├└─ ]*)([A-Z]\w+)", errors.__doc__ or "", re.MULTILINE)
        if name in vars(errors)
    ]
    assert drawn == [(depth, error.__name__) for depth, error in _tree(BasisError)]


def test_errors__codes__are_unique_and_machine_readable() -> None:
    codes = [error.code for error in EVERY_ERROR]
    assert len(set(codes)) == len(codes)
    assert all(re.fullmatch(r"[a-z][a-z_]+", code) for code in codes)


@pytest.mark.parametrize("error", EVERY_ERROR, ids=lambda error: error.__name__)
def test_errors__each_class__says_its_own_code(error: type[BasisError]) -> None:
    assert "code" in vars(error)
    assert inspect.getdoc(error)


def test_errors__retryable__are_those_that_may_succeed_later() -> None:
    assert {error.__name__ for error in EVERY_ERROR if error.retryable} == {
        "TooSlow",
        "RetryLater",
        "LimitExceeded",
        "QueueFull",
        "Overloaded",
        "RosterFull",
        "RuntimePending",
        "JobFailed",
        "StorageUnavailable",
        "Unreachable",
    }


@pytest.mark.parametrize(
    ("error", "field", "value"),
    [
        (InvalidInput("the width is 3", param="width"), "param", "width"),
        (InvalidInput("the width is 3"), "param", None),
        (UnknownModel("gpt-9"), "model", "gpt-9"),
        (LimitExceeded("slower", retry_after_s=7), "retry_after_s", 7),
        (RuntimePending("nobody is there", retry_after_s=5), "retry_after_s", 5),
        (JobFailed("it stalled", reason="stalled"), "reason", "stalled"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BasisError) else None,
)
def test_errors__typed_field__is_kept_beside_the_message(
    error: BasisError, field: str, value: object
) -> None:
    assert getattr(error, field) == value
    assert str(error) == error.message
