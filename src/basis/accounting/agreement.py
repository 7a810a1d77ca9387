"""What customer and network agreed on before the work, in each form in which it is kept.

An open job keeps it in its row, a receipt in the details of its charge; both give it back whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from basis.rules.pricing import Charge, PriceTerms, compute_terms_hash
from basis.rules.units import Bps
from basis.storage.amounts import read_amount
from basis.storage.job_store import LockedTerms, OpenJob
from basis.storage.receipt_details import ChargeRecord
from basis.storage.receipt_store import StoredReceipt


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """What customer and network agreed on before the work: by what the job is charged."""

    key_id: str
    terms: PriceTerms
    locked_at: str
    """When the terms were fixed."""
    held_microcredits: int
    """What the job can cost at most, set aside until its receipt is written."""


def agreement_of_open_job(job: OpenJob) -> Agreement | None:
    """What was agreed on for a job that is open; None if it is older than credits.

    Raises:
        DamagedRecord: an amount is not spelt as basis writes it.
    """
    if job.terms is None:
        return None
    return Agreement(
        key_id=job.key_id,
        terms=_terms_of(job, job.terms),
        locked_at=job.terms["locked_at"],
        held_microcredits=job.held_microcredits,
    )


def _terms_of(job: OpenJob, locked: LockedTerms) -> PriceTerms:
    return PriceTerms(
        epoch=job.versions["pricing"],
        epoch_hash=locked["epoch_hash"],
        model_id=job.model_id,
        multiplier_bps=Bps(job.multiplier_bps),
        prompt_price=read_amount(locked["prompt_price"], field="prompt_price"),
        output_price=read_amount(locked["output_price"], field="output_price"),
        basis_raw_per_microcredit=read_amount(
            locked["basis_raw_per_microcredit"], field="basis_raw_per_microcredit"
        ),
        protocol_fee_bps=Bps(locked["protocol_fee_bps"]),
        is_empty_answer_free=locked["is_empty_answer_free"],
        offer_hash=locked["offer_hash"],
    )


def locked_terms(agreement: Agreement) -> LockedTerms:
    """The terms in the form in which an open job keeps them."""
    terms = agreement.terms
    return LockedTerms(
        epoch_hash=terms.epoch_hash,
        prompt_price=str(terms.prompt_price),
        output_price=str(terms.output_price),
        basis_raw_per_microcredit=str(terms.basis_raw_per_microcredit),
        protocol_fee_bps=terms.protocol_fee_bps,
        is_empty_answer_free=terms.is_empty_answer_free,
        offer_hash=terms.offer_hash,
        locked_at=agreement.locked_at,
    )


def charge_record(agreement: Agreement, charge: Charge) -> ChargeRecord:
    """The charge and its terms in the form in which a receipt keeps them."""
    terms = agreement.terms
    return ChargeRecord(
        microcredits=str(charge.microcredits),
        held_microcredits=str(agreement.held_microcredits),
        prompt_price=str(terms.prompt_price),
        output_price=str(terms.output_price),
        basis_raw_per_microcredit=str(terms.basis_raw_per_microcredit),
        protocol_fee_bps=terms.protocol_fee_bps,
        is_empty_answer_free=terms.is_empty_answer_free,
        epoch_hash=terms.epoch_hash,
        offer_hash=terms.offer_hash,
        terms_hash=_hash_of(terms),
        locked_at=agreement.locked_at,
    )


@lru_cache(maxsize=256)
def _hash_of(terms: PriceTerms) -> str:
    """Computed once for all jobs on the same terms: it costs as much as a receipt's hash."""
    return compute_terms_hash(terms)


def agreement_of_receipt(receipt: StoredReceipt) -> Agreement | None:
    """What a receipt says was agreed on; None if it is older than credits.

    Raises:
        DamagedRecord: an amount is not spelt as basis writes it.
    """
    record = receipt.details.charge
    if record is None:
        return None
    return Agreement(
        key_id=receipt.details.key_id,
        terms=PriceTerms(
            epoch=receipt.details.versions.pricing,
            epoch_hash=record.epoch_hash,
            model_id=receipt.core.model_id,
            multiplier_bps=receipt.core.model_multiplier_bps,
            prompt_price=read_amount(record.prompt_price, field="promptPrice"),
            output_price=read_amount(record.output_price, field="outputPrice"),
            basis_raw_per_microcredit=read_amount(
                record.basis_raw_per_microcredit, field="basisRawPerMicrocredit"
            ),
            protocol_fee_bps=Bps(record.protocol_fee_bps),
            is_empty_answer_free=record.is_empty_answer_free,
            offer_hash=record.offer_hash,
        ),
        locked_at=record.locked_at,
        held_microcredits=read_amount(record.held_microcredits, field="heldMicrocredits"),
    )
