"""`basis explain`: why a job cost and paid what it did, line by line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from basis.cli.data_folder import DataOption, JsonOption, print_json, read_store

if TYPE_CHECKING:
    from basis.accounting.explain import Explanation
    from basis.accounting.explain_line import ExplainLine

_LABEL_WIDTH = 26

app = typer.Typer(help="Explain what was charged and paid.", no_args_is_help=True)


@app.command()
def job(
    name: Annotated[str, typer.Argument(help="The job's id, or the hash of its receipt.")],
    data: DataOption = None,
    json: JsonOption = False,
) -> None:
    """Explain a job from its tokens to base units, with every table and date."""
    from basis.accounting.explain import explanation_json, load_explanation

    with read_store(data) as connection:
        explanation = load_explanation(connection, name)
    if json:
        print_json(explanation_json(explanation))
        return
    for text in _as_text(explanation):
        typer.echo(text)


def _as_text(explanation: Explanation) -> list[str]:
    receipt = explanation.receipt
    texts = [
        f"job {receipt.core.job_id} of {receipt.core.created_at}: {receipt.status.value}",
        f"receipt {receipt.recorded_hash}",
    ]
    step = ""
    for line in explanation.lines:
        if line.step != step:
            step = line.step
            texts += ["", step.upper()]
        if len(line.label) >= _LABEL_WIDTH:
            texts.append(f"  {line.label}")
        label = line.label if len(line.label) < _LABEL_WIDTH else ""
        below = " " * _LABEL_WIDTH
        texts.append(f"  {label:<{_LABEL_WIDTH}}{line.result} {line.unit}{_whole(line)}".rstrip())
        if line.formula:
            texts.append(f"  {below}= {line.formula}")
        table = f"[{line.table}{' of ' + line.date if line.date else ''}]" if line.table else ""
        if line.note or table:
            texts.append(f"  {below}{f'{line.note} {table}'.strip()}")
    return texts


def _whole(line: ExplainLine) -> str:
    """The amount in whole units, as people say it."""
    from basis.rules.units import ASSETS, CREDIT, format_amount

    if line.unit == "micro-credits":
        return f" ({format_amount(int(line.result), CREDIT)})"
    for asset in ASSETS:
        if line.unit == f"base units of {asset.symbol}":
            return f" ({format_amount(int(line.result), asset)})"
    return ""
