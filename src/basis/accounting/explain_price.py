"""The first half of an explanation: from tokens to the charge, in micro-credits and in BASIS."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from basis.accounting.agreement import Agreement, agreement_of_receipt
from basis.accounting.explain_line import BASIS_RAW, MICROCREDITS, PER_MILLION, TOKENS, ExplainLine
from basis.rules.epochs import EpochBook, PricingEpoch
from basis.rules.job import JobStatus
from basis.rules.postpaid_pricing import PostpaidEpoch, postpaid_epoch_of
from basis.rules.pricing import compute_list_terms
from basis.storage.receipt_details import ChargeRecord
from basis.storage.receipt_store import StoredReceipt

_price = partial(ExplainLine, step="price")
_charge = partial(ExplainLine, step="charge")
_MILLION = 1_000_000


def explain_tokens(receipt: StoredReceipt) -> Iterator[ExplainLine]:
    """What was counted."""
    core, claimed = receipt.core, receipt.details.evidence
    counted = "counted by the gateway with the model's own tokenizer"
    output_note = f"{counted}; the worker said {claimed.claimed_output_tokens}, which pays nothing"
    if receipt.status is not JobStatus.COMPLETED:
        output_note = "a job that did not complete has delivered nothing that counts"
    for label, tokens, note in (
        ("prompt tokens", core.prompt_tokens, counted),
        ("output tokens", core.output_tokens, output_note),
    ):
        yield ExplainLine(step="tokens", label=label, result=str(tokens), unit=TOKENS, note=note)


def explain_price(receipt: StoredReceipt, epochs: EpochBook) -> Iterator[ExplainLine]:
    """The terms that were fixed before the work.

    Raises:
        InvalidInput: the receipt names an epoch that is not known.
    """
    agreement, record = agreement_of_receipt(receipt), receipt.details.charge
    if agreement is None or record is None:
        yield from _postpaid_price(receipt, postpaid_epoch_of(receipt.details.versions.pricing))
        return
    epoch = epochs.of_version(agreement.terms.epoch)
    yield _epoch_line(agreement, epoch, date=epochs.effective_from(epoch.version))
    for name, price in (
        ("prompt", agreement.terms.prompt_price),
        ("output", agreement.terms.output_price),
    ):
        yield _price_line(agreement, epoch, name=name, price=price)
    yield _price(
        label="hash of the terms",
        result=record.terms_hash,
        note=f"of all that was agreed on; fixed at {agreement.locked_at}",
    )
    yield _price(
        label="hold",
        result=str(agreement.held_microcredits),
        unit=MICROCREDITS,
        note="the most that the job could cost, set aside before the work; what is over is free",
    )


def explain_charge(receipt: StoredReceipt) -> Iterator[ExplainLine]:
    """What the job cost."""
    agreement, record = agreement_of_receipt(receipt), receipt.details.charge
    if agreement is None or record is None:
        yield _postpaid_charge(receipt, postpaid_epoch_of(receipt.details.versions.pricing))
        return
    terms, core = agreement.terms, receipt.core
    free = _why_free(receipt, record)
    scaled = (
        f"{core.prompt_tokens} * {terms.prompt_price} + {core.output_tokens} * {terms.output_price}"
    )
    yield _charge(
        label="charge",
        result=record.microcredits,
        unit=MICROCREDITS,
        formula="" if free else f"ceil(({scaled}) / {_MILLION})",
        note=free or "rounded up to a whole micro-credit, once",
    )
    yield _charge(
        label="charge in BASIS",
        result=str(core.total_charged_raw),
        unit=BASIS_RAW,
        formula=f"{record.microcredits} * {record.basis_raw_per_microcredit}",
        table=terms.epoch,
        note="at the rate that was agreed on, exactly",
    )


def _epoch_line(agreement: Agreement, epoch: PricingEpoch, *, date: str) -> ExplainLine:
    words = ["the epoch in force when the terms were fixed"]
    if epoch.is_placeholder:
        words.append("its figures are placeholders")
    if not date:
        words.append("it ships with basis, and prices where the operator set no prices")
    return _price(
        label="pricing epoch",
        result=agreement.terms.epoch_hash,
        table=epoch.version,
        date=date,
        note="; ".join(words),
    )


def _price_line(agreement: Agreement, epoch: PricingEpoch, *, name: str, price: int) -> ExplainLine:
    terms = agreement.terms
    line = partial(
        _price, label=f"{name} price", result=str(price), unit=PER_MILLION, table=epoch.version
    )
    if terms.offer_hash:
        return line(note=f"asked by the worker's offer {terms.offer_hash}, in the list's place")
    if not terms.multiplier_bps:
        return line(note="a multiplier of 0 gives the model away")
    own = next((row for row in epoch.model_prices if row.model == terms.model_id), epoch)
    listed = own.prompt_price if name == "prompt" else own.output_price
    inputs = f"{epoch.utilisation_bps} * {epoch.supply_bps} * {epoch.demand_bps}"
    formula = f"ceil({listed} * {terms.multiplier_bps} * {inputs} / {10_000**4})"
    words = "list price x multiplier x utilisation x supply x demand, rounded up"
    if epoch.worker_floor_price:
        kept_bps = 10_000 - epoch.protocol_fee_bps
        formula = f"max({formula}, ceil({epoch.worker_floor_price} * 10000 / {kept_bps}))"
        words += "; at least the worker's floor with the fee on top"
    again = compute_list_terms(
        epoch, model_id=terms.model_id, catalog_multiplier_bps=terms.multiplier_bps
    )
    if price != (again.prompt_price if name == "prompt" else again.output_price):
        return line(note="not the epoch's list price: `basis recompute` will name this receipt")
    return line(formula=formula, note=words)


def _why_free(receipt: StoredReceipt, record: ChargeRecord) -> str:
    """Why a job cost nothing whatever its tokens; "" where they decide."""
    if receipt.status is not JobStatus.COMPLETED:
        reason = receipt.details.failure_reason
        return f"a job that did not complete costs nothing: {receipt.status.value}, {reason}"
    is_text = receipt.details.kind in {"chat", "completion"}
    if record.is_empty_answer_free and is_text and receipt.core.output_tokens == 0:
        return "the answer was empty, and the epoch charges nothing for one"
    return ""


def _postpaid_price(receipt: StoredReceipt, epoch: PostpaidEpoch) -> Iterator[ExplainLine]:
    yield _price(
        label="pricing epoch",
        result=epoch.version,
        table=epoch.version,
        date=epoch.effective_from,
        note="from before there were credits: charged in BASIS, billed afterwards",
    )
    for name, price in (("prompt", epoch.prompt_price), ("output", epoch.output_price)):
        yield _price(
            label=f"{name} price",
            result=str(price),
            unit=PER_MILLION,
            table=epoch.version,
            date=epoch.effective_from,
            note=f"before the model's multiplier of {receipt.core.model_multiplier_bps} bps",
        )


def _postpaid_charge(receipt: StoredReceipt, epoch: PostpaidEpoch) -> ExplainLine:
    core = receipt.core
    line = partial(
        _charge,
        label="charge in BASIS",
        result=str(core.total_charged_raw),
        unit=BASIS_RAW,
        table=epoch.version,
        date=epoch.effective_from,
    )
    if receipt.status is not JobStatus.COMPLETED:
        reason = receipt.details.failure_reason
        return line(note=f"a job that did not complete costs nothing: {reason}")
    is_text = receipt.details.kind in {"chat", "completion"}
    if epoch.is_empty_answer_free and is_text and core.output_tokens == 0:
        return line(note="the answer was empty, and the epoch charges nothing for one")
    scaled = (
        f"{core.prompt_tokens} * {epoch.prompt_price} + {core.output_tokens} * {epoch.output_price}"
    )
    rate = f"{core.model_multiplier_bps} * {epoch.basis_raw_per_microcredit}"
    return line(
        formula=f"ceil(({scaled}) * {rate} / {_MILLION * 10_000})",
        note="tokens x prices x multiplier x BASIS per micro-credit, rounded up once",
    )
