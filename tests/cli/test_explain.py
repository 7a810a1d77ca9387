"""`basis explain job`: the same lines as text and as JSON."""

from __future__ import annotations

import pytest

from tests.accounting.formulas import evaluate
from tests.cli.conftest import Command
from tests.support.books import Books


@pytest.mark.parametrize("number", range(1, 12))
def test_explain__each_job_of_the_books__says_the_same_in_words_and_json(
    basis: Command, books: Books, number: int
) -> None:
    name = f"job_{number:04}"
    told = basis("explain", "job", name)
    published = basis("explain", "job", name, "--json").json

    assert told.code == 0
    assert published["jobId"] == name
    assert basis("explain", "job", published["hash"]).out == told.out
    for line in published["lines"]:
        assert line["label"] in told.out
        assert line["result"] in told.out
        if line["formula"]:
            assert f"= {line['formula']}" in told.out
            assert evaluate(line["formula"]) == line["result"]


def test_explain__in_words__shows_whole_units_beside_base_units(
    basis: Command, books: Books
) -> None:
    told = basis("explain", "job", "job_0002").out

    assert "24195 micro-credits (0.024195 CREDIT)" in told
    assert "2419500000000000 base units of BASIS (0.0024195 BASIS)" in told


@pytest.mark.parametrize("name", ["job_9999", "", "0" * 64])
def test_explain__of_no_such_job__exits_with_4(basis: Command, books: Books, name: str) -> None:
    outcome = basis("explain", "job", name)

    assert (outcome.code, outcome.out) == (4, "")


def test_explain__without_data__exits_with_6(basis: Command) -> None:
    outcome = basis("explain", "job", "job_0001", "--data", "elsewhere")

    assert (outcome.code, outcome.out) == (6, "")
