"""docs/reference/ledger.md says what the chart of accounts says, row by row."""

from __future__ import annotations

import re

from repo_files import ROOT

from basis.rules.accounts import CHART

PAGE = ROOT / "docs/reference/ledger.md"


def test_ledger_page__table__is_the_chart() -> None:
    expected = [
        [
            f"`{rule.pattern}`",
            asset,
            rule.holder.value,
            bound.value,
            "yes" if rule.is_adjustable else "no",
            rule.meaning,
        ]
        for rule in CHART
        for asset, bound in rule.bounds.items()
    ]
    chart = PAGE.read_text(encoding="utf-8").split("## Chart of accounts")[1].split("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in re.findall(r"^\| `.*$", chart, re.MULTILINE)]

    assert rows == expected
