"""Reads vectors/*.json for the tests of the rules."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

VECTORS = Path(__file__).parents[2] / "vectors"

Case = dict[str, Any]


def load_vectors(name: str) -> Case:
    """The whole file `vectors/<name>.json`."""
    return json.loads((VECTORS / f"{name}.json").read_text(encoding="utf-8"))


def vector_cases(name: str, *, function: str | None = None, refused: bool) -> list[Any]:
    """The cases of a file as pytest parameters: those that are refused, or those that are not."""
    cases = [
        case
        for case in load_vectors(name)["cases"]
        if ("refused" in case) is refused and function in {None, case.get("function")}
    ]
    if not cases:
        raise LookupError(f"vectors/{name}.json has no such case: {function}, refused={refused}")
    return [pytest.param(case, id=case["name"]) for case in cases]
