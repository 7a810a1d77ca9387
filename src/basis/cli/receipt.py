"""`basis receipt`: what each job cost and paid, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from basis.cli.data_folder import DataOption, JsonOption, print_json, print_table, read_store

if TYPE_CHECKING:
    from basis.storage.receipt_store import StoredReceipt

app = typer.Typer(help="Show receipts.", no_args_is_help=True)


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="The receipt's hash, or its job id.")],
    data: DataOption = None,
    json: JsonOption = False,
) -> None:
    """Show one receipt with every component of its reward."""
    from basis.gateway.records import receipt_json
    from basis.storage.receipt_store import load_receipt

    with read_store(data) as connection:
        receipt = load_receipt(connection, name)
    if json:
        print_json(receipt_json(receipt))
        return
    for label, value in _explain(receipt):
        typer.echo(f"{label:<22}{value}")


@app.command(name="list")
def list_receipts(
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many, newest first.")] = 20,
    worker: Annotated[str, typer.Option(help="Only of this worker.")] = "",
    data: DataOption = None,
    json: JsonOption = False,
) -> None:
    """List the newest receipts."""
    from basis.gateway.records import receipt_json
    from basis.rules.units import BASIS, format_amount
    from basis.storage.receipt_pages import load_receipt_page

    with read_store(data) as connection:
        page = load_receipt_page(connection, limit=limit, worker_id=worker or None).receipts
    if json:
        print_json([receipt_json(receipt) for receipt in page])
        return
    print_table(
        ["receipt", "status", "model", "worker", "tokens", "reward", "created"],
        [
            [
                receipt.recorded_hash[:16],
                receipt.status.value,
                receipt.core.model_id,
                receipt.core.worker_id,
                f"{receipt.core.prompt_tokens}+{receipt.core.output_tokens}",
                format_amount(receipt.core.worker_reward_raw, BASIS),
                receipt.core.created_at,
            ]
            for receipt in page
        ],
    )


def _explain(receipt: StoredReceipt) -> list[tuple[str, str]]:
    from basis.rules.units import BASIS, format_amount
    from basis.storage.amounts import read_amount

    core, details = receipt.core, receipt.details
    parts = details.breakdown

    def amount(raw: str) -> str:
        amount_raw = read_amount(raw, field=f"an amount of receipt {receipt.recorded_hash}")
        return f"{format_amount(amount_raw, BASIS)}  ({raw})"

    evidence, measured, versions = details.evidence, details.measured, details.versions
    claimed = f"{evidence.claimed_prompt_tokens} prompt, {evidence.claimed_output_tokens} output"
    pace = f"first token {measured.first_token_us} us, between tokens {measured.inter_token_us} us"
    tables = f"catalog {versions.catalog}, pricing {versions.pricing}, factors {versions.factors}"
    return [
        ("receipt", receipt.recorded_hash),
        ("job", core.job_id),
        ("status", f"{receipt.status.value} {details.finish_reason or details.failure_reason}"),
        ("reward status", f"{receipt.reward_status.value} {receipt.batch_hash or ''}".rstrip()),
        ("model", f"{core.model_id} at {core.model_multiplier_bps} bps"),
        ("worker", f"{core.worker_id} {core.worker_wallet}".strip()),
        ("customer", f"{core.user_id} {core.user_wallet}".strip()),
        ("tokens", f"{core.prompt_tokens} prompt, {core.output_tokens} output"),
        ("worker's own count", f"{claimed} (evidence, pays nothing)"),
        ("created", core.created_at),
        ("latency", f"{core.latency_ms} ms, {details.attempts} attempts"),
        ("charge", amount(parts.charge_raw)),
        ("- protocol fee", amount(parts.fee_raw)),
        ("= pool", amount(parts.pool_raw)),
        ("x quality", f"{core.quality_bps} bps"),
        ("x uptime", f"{core.uptime_bps} bps: {measured.online_minutes} of 1440 minutes"),
        ("x latency", f"{core.latency_bps} bps: {pace}"),
        ("= gross", amount(parts.gross_raw)),
        ("- penalties", amount(parts.penalty_collected_raw)),
        ("= reward", amount(parts.reward_raw)),
        ("unearned", amount(parts.unearned_raw)),
        ("dust", amount(parts.dust_raw)),
        ("tables", tables),
    ]
