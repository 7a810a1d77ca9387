"""Stripe's events, really signed, and an orchestrator that gets them."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from basis.accounting.recompute import recompute
from basis.app import RunningOrchestrator
from basis.gateway.stripe_signature import StripeSecret
from basis.storage.account_store import load_credits
from basis.storage.schema import ledger_entries
from tests.support.orchestrators import Customer

PATH = "/api/billing/webhooks/stripe"
SECRET = "whsec_of_these_tests_alone"
CENT = 10_000_000
"""Micro-credits."""


def write_secret(folder: Path, *, mode: int = 0o600) -> str:
    """The file of the setting."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "stripe.secret"
    path.write_text(SECRET + "\n")
    path.chmod(mode)
    return str(path)


def session(**changes: Any) -> dict[str, Any]:
    """A checkout session that user-1 has paid 5 USD in."""
    return {
        "id": "cs_live_1",
        "object": "checkout.session",
        "client_reference_id": "user-1",
        "payment_intent": "pi_1",
        "payment_status": "paid",
        "currency": "usd",
        "amount_total": 500,
        "customer_details": {"email": "somebody@example.org"},
        **changes,
    }


def event(kind: str = "checkout.session.completed", **changes: Any) -> bytes:
    """An event as Stripe sends it."""
    return json.dumps(
        {
            "id": "evt_1",
            "object": "event",
            "type": kind,
            "livemode": True,
            "data": {"object": session(**changes)},
        }
    ).encode()


def refund(minor: int, **changes: Any) -> bytes:
    """The event of a refund, by which so much was given back in all."""
    charge = {
        "id": "ch_1",
        "payment_intent": "pi_1",
        "currency": "usd",
        "amount_refunded": minor,
        **changes,
    }
    told = {"type": "charge.refunded", "livemode": True, "data": {"object": charge}}
    return json.dumps(told).encode()


def dispute(kind: str, status: str = "needs_response", **changes: Any) -> bytes:
    """An event of a dispute over the whole payment, such as `funds_withdrawn`."""
    told = {
        "id": "dp_1",
        "object": "dispute",
        "charge": "ch_1",
        "payment_intent": "pi_1",
        "amount": 500,
        "currency": "usd",
        "reason": "fraudulent",
        "status": status,
        **changes,
    }
    body = {"type": f"charge.dispute.{kind}", "livemode": True, "data": {"object": told}}
    return json.dumps(body).encode()


def in_test_mode(body: bytes) -> bytes:
    """The same event as Stripe's test mode sends it."""
    return json.dumps({**json.loads(body), "livemode": False}).encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """An orchestrator that takes payments, and whoever sends it events."""

    running: RunningOrchestrator
    customer: Customer

    def post(self, body: bytes, *, header: str | None = None, at_s: int | None = None) -> Any:
        """Sends a body, signed now unless the header is given."""
        at_s = int(time.time()) if at_s is None else at_s
        signature = StripeSecret(SECRET).sign(body, at_s=at_s)
        signed = f"t={at_s},v1={signature}" if header is None else header
        return self.customer.http.post(
            self.running.url + PATH, data=body, headers={"Stripe-Signature": signed}
        )

    async def outcome(self, body: bytes) -> str:
        """What a signed event is answered."""
        async with self.post(body) as response:
            assert response.status == 200, await response.text()
            answer = await response.json()
        assert set(answer) == {"received", "outcome"}
        return str(answer["outcome"])

    @property
    def balance(self) -> int:
        """What user-1 has."""
        with self.running.context.engine.connect() as connection:
            assert recompute(connection).is_equal
            return load_credits(connection, "user-1").balance

    @property
    def entries(self) -> int:
        """How many entries are booked."""
        with self.running.context.engine.connect() as connection:
            query = select(func.count()).select_from(ledger_entries)
            return connection.execute(query).scalar_one()
