"""`POST /api/billing/webhooks/stripe`: payments by card become credits, refunds and disputes take
them back.

What cannot be booked is kept and answered 200: Stripe repeats what it gets an error for, and gives
up after some days. An error is what may succeed unchanged later (the store refuses a write), and
what an operator must look at before anything is lost: another payment under a known name, or real
money that reaches a network of tests.
"""

from __future__ import annotations

import re
import time
from typing import Annotated

import msgspec
import structlog
from aiohttp import web
from msgspec import Meta
from sqlalchemy import Connection

from basis.accounting.card_payments import CardPayment, receive_payment
from basis.accounting.card_returns import (
    STRIPE,
    find_return_flaw,
    receive_dispute,
    receive_refund,
)
from basis.accounting.funding import Outcome
from basis.gateway.bodies import decode_body, read_bytes
from basis.gateway.context import CONTEXT, GatewayContext
from basis.gateway.stripe_signature import SIGNATURE_HEADER
from basis.rules.errors import Conflict, InvalidInput, NotFound
from basis.storage.clock import now_iso
from basis.storage.dispute_store import Dispute, find_dispute

_log = structlog.get_logger(__name__)
_MOST_BYTES = 256 << 10
_PAID_EVENTS = frozenset({"checkout.session.completed", "checkout.session.async_payment_succeeded"})
_REFUND_EVENT = "charge.refunded"
_WITHDRAWN_EVENT = "charge.dispute.funds_withdrawn"
_REINSTATED_EVENT = "charge.dispute.funds_reinstated"
_DISPUTE_EVENTS = frozenset(
    {
        "charge.dispute.created",
        "charge.dispute.updated",
        "charge.dispute.closed",
        _WITHDRAWN_EVENT,
        _REINSTATED_EVENT,
    }
)
_LOST = "lost"
"""A dispute that ended so has taken the money, even if the event of that never came."""
_IGNORED = "ignored"

_Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,90}$")]
_Minor = Annotated[int, Meta(ge=0, le=10**15)]
_Currency = Annotated[str, Meta(pattern=r"^[A-Za-z]{3,8}$")]
_ACCOUNT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)


class _Named(msgspec.Struct):
    """An object of Stripe's that was expanded in place of its name."""

    id: _Name


class _Totals(msgspec.Struct):
    """What the sum of a checkout session is made of."""

    amount_tax: _Minor | None = None


class _Session(msgspec.Struct):
    """What counts of a checkout session; `amount_total` is all that was paid, with the tax."""

    id: _Name
    payment_status: str
    client_reference_id: str | None = None
    payment_intent: _Name | _Named | None = None
    currency: _Currency | None = None
    amount_total: _Minor | None = None
    total_details: _Totals | None = None


class _Charge(msgspec.Struct):
    """What counts of a charge; the sum refunded is that of all its refunds."""

    currency: _Currency
    amount_refunded: _Minor
    payment_intent: _Name | _Named | None = None


class _Dispute(msgspec.Struct):
    """What counts of a dispute. The first events of one are inquiries that take no money."""

    id: _Name
    amount: _Minor
    currency: _Currency
    status: Annotated[str, Meta(pattern=r"^[a-z_]{1,40}$")]
    payment_intent: _Name | _Named | None = None


class _Data(msgspec.Struct):
    object: msgspec.Raw


class _Event(msgspec.Struct):
    type: Annotated[str, Meta(pattern=r"^[a-z0-9_.]{1,100}$")]
    livemode: bool
    data: _Data


_decode_event = msgspec.json.Decoder(_Event)
_decode_session = msgspec.json.Decoder(_Session)
_decode_charge = msgspec.json.Decoder(_Charge)
_decode_dispute = msgspec.json.Decoder(_Dispute)


async def post_stripe_webhook(request: web.Request) -> web.StreamResponse:
    """`POST /api/billing/webhooks/stripe`."""
    secret = request.app[CONTEXT].stripe_secret
    if secret is None:
        raise NotFound("payments by card are not set up here: see billing.stripe_secret_file")
    payload = await read_bytes(request, most_bytes=_MOST_BYTES)
    secret.check(request.headers.get(SIGNATURE_HEADER), payload, now_s=int(time.time()))
    try:
        event = decode_body(payload, _decode_event)
        is_ours = _is_of_our_mode(event, is_live=secret.is_live)
        outcome = await _book(request.app[CONTEXT], event) if is_ours else None
    except InvalidInput as error:
        # Stripe shows it as a failed delivery; the operator should hear of it here too.
        _log.warning("payment_unreadable", error=error.code, param=error.param)
        raise
    return web.Response(
        body=msgspec.json.encode({"received": True, "outcome": outcome or _IGNORED}),
        content_type="application/json",
    )


def _is_of_our_mode(event: _Event, *, is_live: bool) -> bool:
    """Whether an event moves the money that this network takes; one of Stripe's tests never does.

    Raises:
        Conflict: it is of real money and this network takes that of tests; Stripe keeps it then.
    """
    if event.livemode == is_live:
        return True
    _log.warning("payment_of_other_mode", event_type=event.type, livemode=event.livemode)
    if event.livemode:
        raise Conflict(
            "this network takes Stripe's test payments, and this event is of real money: see "
            "billing.stripe_livemode"
        )
    return False


async def _book(context: GatewayContext, event: _Event) -> Outcome | None:
    """What became of the event; None of one that means nothing here."""
    if event.type in _PAID_EVENTS:
        return await _book_payment(context, bytes(event.data.object))
    if event.type == _REFUND_EVENT:
        return await _book_refund(context, bytes(event.data.object))
    if event.type in _DISPUTE_EVENTS:
        return await _book_dispute(context, event.type, bytes(event.data.object))
    return None


async def _book_payment(context: GatewayContext, body: bytes) -> Outcome | None:
    session = decode_body(body, _decode_session)
    if session.payment_status != "paid" or not session.amount_total:
        return None
    told = _as_payment(session, session.amount_total)
    outcome = await context.writer.write(
        lambda connection: receive_payment(connection, told, now=now_iso())
    )
    _tell(outcome, payment=told.key, amount_minor=told.amount_minor, currency=told.currency)
    return outcome


async def _book_refund(context: GatewayContext, body: bytes) -> Outcome | None:
    charge = decode_body(body, _decode_charge)
    reference, currency = _name_of(charge.payment_intent), charge.currency.lower()
    if not reference or not charge.amount_refunded:
        return None

    def receive(connection: Connection) -> tuple[Outcome, str]:
        outcome = receive_refund(
            connection,
            reference=reference,
            currency=currency,
            refunded_minor=charge.amount_refunded,
            now=now_iso(),
        )
        return outcome, find_return_flaw(connection, reference=reference, currency=currency)

    outcome, flaw = await context.writer.write(receive)
    _tell(
        outcome,
        flaw=flaw,
        payment=reference,
        amount_minor=charge.amount_refunded,
        currency=currency,
    )
    return outcome


async def _book_dispute(context: GatewayContext, kind: str, body: bytes) -> Outcome:
    given = decode_body(body, _decode_dispute)
    is_withdrawn = kind == _WITHDRAWN_EVENT or given.status == _LOST
    told = Dispute(
        source=STRIPE,
        key=given.id,
        reference=_name_of(given.payment_intent),
        currency=given.currency.lower(),
        amount_minor=given.amount,
        withdrawn_minor=given.amount if is_withdrawn else 0,
        reinstated_minor=given.amount if kind == _REINSTATED_EVENT else 0,
        status=given.status,
        updated_at=now_iso(),
    )

    def receive(connection: Connection) -> tuple[Outcome, Dispute, str]:
        outcome = receive_dispute(connection, told)
        known = find_dispute(connection, source=told.source, key=told.key) or told
        flaw = find_return_flaw(connection, reference=known.reference, currency=known.currency)
        return outcome, known, flaw

    outcome, known, flaw = await context.writer.write(receive)
    _tell(
        outcome,
        flaw=flaw,
        payment=known.reference,
        amount_minor=told.amount_minor,
        currency=known.currency,
        dispute=told.key,
        status=known.status,
    )
    return outcome


def _as_payment(session: _Session, amount_minor: int) -> CardPayment:
    # The customer's id comes from whoever opened the checkout: what is spelt like no id is not
    # kept, since it would be shown to the operator.
    account, details = session.client_reference_id or "", session.total_details
    return CardPayment(
        key=session.id,
        reference=_name_of(session.payment_intent),
        account=account if _ACCOUNT.fullmatch(account) else "",
        currency=(session.currency or "").lower(),
        amount_minor=amount_minor,
        tax_minor=(details.amount_tax or 0) if details is not None else 0,
    )


def _tell(outcome: Outcome, *, flaw: str = "", **fields: str | int) -> None:
    """One line per event; whose payment it is stands in the store, not in the log."""
    if flaw:
        fields["reason"] = flaw
    is_open = bool(flaw) or outcome in {Outcome.UNASSIGNED, Outcome.UNBOOKED}
    log = _log.warning if is_open else _log.info
    log("payment", outcome=outcome.value, **fields)


def _name_of(given: str | _Named | None) -> str:
    if given is None:
        return ""
    return given if isinstance(given, str) else given.id
