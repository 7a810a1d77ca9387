"""`POST /api/billing/webhooks/stripe`: payments by card become credits, refunds take them back.

What cannot be booked is kept and answered 200: Stripe repeats what it gets an error for, and gives
up after some days. Only what may succeed unchanged later (the store refuses a write) is an error.
"""

from __future__ import annotations

import re
import time
from typing import Annotated

import msgspec
import structlog
from aiohttp import web
from msgspec import Meta

from basis.accounting.card_payments import CardPayment, receive_payment, receive_refund
from basis.accounting.funding import Outcome
from basis.gateway.bodies import decode_body, read_bytes
from basis.gateway.context import CONTEXT, GatewayContext
from basis.gateway.stripe_signature import SIGNATURE_HEADER
from basis.rules.errors import InvalidInput, NotFound
from basis.storage.clock import now_iso

_log = structlog.get_logger(__name__)
_MOST_BYTES = 256 << 10
_PAID_EVENTS = frozenset({"checkout.session.completed", "checkout.session.async_payment_succeeded"})
_REFUND_EVENT = "charge.refunded"
_IGNORED = "ignored"

_Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,90}$")]
_Minor = Annotated[int, Meta(ge=0, le=10**15)]
_Currency = Annotated[str, Meta(pattern=r"^[A-Za-z]{3,8}$")]
_ACCOUNT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)


class _Named(msgspec.Struct):
    """An object of Stripe's that was expanded in place of its name."""

    id: _Name


class _Session(msgspec.Struct):
    """What counts of a checkout session."""

    id: _Name
    payment_status: str
    client_reference_id: str | None = None
    payment_intent: _Name | _Named | None = None
    currency: _Currency | None = None
    amount_total: _Minor | None = None


class _Charge(msgspec.Struct):
    """What counts of a charge; the sum refunded is that of all its refunds."""

    currency: _Currency
    amount_refunded: _Minor
    payment_intent: _Name | _Named | None = None


class _Data(msgspec.Struct):
    object: msgspec.Raw


class _Event(msgspec.Struct):
    type: str
    data: _Data


_decode_event = msgspec.json.Decoder(_Event)
_decode_session = msgspec.json.Decoder(_Session)
_decode_charge = msgspec.json.Decoder(_Charge)


async def post_stripe_webhook(request: web.Request) -> web.StreamResponse:
    """`POST /api/billing/webhooks/stripe`."""
    secret = request.app[CONTEXT].stripe_secret
    if secret is None:
        raise NotFound("payments by card are not set up here: see billing.stripe_secret_file")
    payload = await read_bytes(request, most_bytes=_MOST_BYTES)
    secret.check(request.headers.get(SIGNATURE_HEADER), payload, now_s=int(time.time()))
    try:
        outcome = await _book(request.app[CONTEXT], decode_body(payload, _decode_event))
    except InvalidInput as error:
        # Stripe shows it as a failed delivery; the operator should hear of it here too.
        _log.warning("payment_unreadable", error=error.code, param=error.param)
        raise
    return web.Response(
        body=msgspec.json.encode({"received": True, "outcome": outcome or _IGNORED}),
        content_type="application/json",
    )


async def _book(context: GatewayContext, event: _Event) -> Outcome | None:
    """What became of the event; None of one that means nothing here."""
    if event.type in _PAID_EVENTS:
        session = decode_body(bytes(event.data.object), _decode_session)
        if session.payment_status != "paid" or not session.amount_total:
            return None
        told = _as_payment(session, session.amount_total)
        outcome = await context.writer.write(
            lambda connection: receive_payment(connection, told, now=now_iso())
        )
        _tell(outcome, payment=told.key, amount_minor=told.amount_minor, currency=told.currency)
        return outcome
    if event.type == _REFUND_EVENT:
        charge = decode_body(bytes(event.data.object), _decode_charge)
        reference, currency = _name_of(charge.payment_intent), charge.currency.lower()
        if not reference or not charge.amount_refunded:
            return None
        outcome = await context.writer.write(
            lambda connection: receive_refund(
                connection,
                reference=reference,
                currency=currency,
                refunded_minor=charge.amount_refunded,
                now=now_iso(),
            )
        )
        _tell(outcome, payment=reference, amount_minor=charge.amount_refunded, currency=currency)
        return outcome
    return None


def _as_payment(session: _Session, amount_minor: int) -> CardPayment:
    # The customer's id comes from whoever opened the checkout: what is spelt like no id is not
    # kept, since it would be shown to the operator.
    account = session.client_reference_id or ""
    return CardPayment(
        key=session.id,
        reference=_name_of(session.payment_intent),
        account=account if _ACCOUNT.fullmatch(account) else "",
        currency=(session.currency or "").lower(),
        amount_minor=amount_minor,
    )


def _tell(outcome: Outcome, *, payment: str, amount_minor: int, currency: str) -> None:
    """One line per event; whose payment it is stands in the store, not in the log."""
    log = _log.warning if outcome is Outcome.UNASSIGNED else _log.info
    log(
        "payment",
        outcome=outcome.value,
        payment=payment,
        amount_minor=amount_minor,
        currency=currency,
    )


def _name_of(given: str | _Named | None) -> str:
    if given is None:
        return ""
    return given if isinstance(given, str) else given.id
