"""Books with jobs that were priced by owners' offers, made by the real rules and no network."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from basis.accounting.posting import JobFacts
from basis.rules.epochs import EPOCHS
from basis.rules.offer import Offer, compute_offer_hash
from basis.rules.offer_checks import RAILS
from basis.rules.pricing import apply_offer, compute_charge
from basis.storage.offer_store import new_offer_record, store_signed
from tests.support.books import HELD_TOKENS, NOW, agree, make_facts, record, register
from tests.support.market import CHEAP
from tests.support.offers import Owner

NOW_S = int(datetime.fromisoformat(NOW).timestamp())
ACCEPTED_AT = "2026-11-21T11:59:30.000Z"
"""Half a minute before the first job of the books; the offer began a minute before that job."""
OWNER = Owner(1)
WORKER = "offered-1"


def make_offer(**changes: object) -> Offer:
    """An offer of the worker's owner that holds while the books are filled, but for `changes`."""
    offer = OWNER.offer(*CHEAP, worker_id=WORKER, now_s=NOW_S)
    return replace(offer, **changes)  # type: ignore[arg-type]  # tests name any field


def make_offered_facts(number: int, offer: Offer, **changes: object) -> JobFacts:
    """The facts of job `number` at the first ask of the offer, done by the offer's worker."""
    facts = make_facts(number, worker_id=offer.worker_id, worker_wallet=offer.wallet)
    agreement = agree(facts)
    ask = offer.models[0]
    terms = apply_offer(
        agreement.terms,
        offer_hash=compute_offer_hash(offer),
        prompt_price=ask.prompt_price,
        output_price=ask.output_price,
    )
    most = compute_charge(terms, prompt_tokens=facts.prompt_tokens, output_tokens=HELD_TOKENS)
    agreed = replace(agreement, terms=terms, held_microcredits=most.microcredits)
    facts = replace(facts, agreement=agreed)
    return replace(facts, **changes)  # type: ignore[arg-type]  # tests name any field


def record_offered_jobs(
    connection: Connection,
    *numbers: int,
    offer: Offer | None = None,
    signer: Owner = OWNER,
    accepted_at: str = ACCEPTED_AT,
) -> Offer:
    """Writes the worker, the offer, and jobs that it priced; the offer."""
    offered = make_offer() if offer is None else offer
    register(connection, offered.worker_id, offered.wallet)
    signed = new_offer_record(
        offered,
        signature=signer.sign(offered),
        rails=RAILS[-1].version,
        epoch=EPOCHS[-1].version,
        now=accepted_at,
    )
    store_signed(connection, signed)
    record(connection, *(make_offered_facts(number, offered) for number in numbers))
    return offered
