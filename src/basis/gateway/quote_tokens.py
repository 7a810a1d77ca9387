"""Quotes as tokens: terms that we promised a customer, signed, so that nothing need be kept.

A token is `bq1.<payload>.<signature>`: JSON in base64url, and HMAC-SHA256 over it under the pepper.
It binds customer, model, terms, catalog and an end. It holds no credits; whoever has it needs the
customer's key as well.
Source: docs/decisions/0011-credits.md.
"""

from __future__ import annotations

import base64
import binascii
import re

import msgspec
from aiohttp import web

from basis.gateway.keys import Customer
from basis.rules.errors import InvalidInput
from basis.rules.pricing import QUOTE_LIFE_S, PriceTerms
from basis.rules.units import Bps
from basis.storage.clock import after_iso
from basis.storage.secrets import SecretHasher

QUOTE_HEADER = "X-Basis-Quote"
_PREFIX = "bq1."
_PURPOSE = "basis-quote:"
"""Goes into what is signed, so that no signature of ours for another purpose is one of these."""
_TOKEN = re.compile(r"bq1\.[A-Za-z0-9_-]{1,4096}\.[0-9a-f]{64}", re.ASCII)


class Promise(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a quote promises; times are ISO 8601 in UTC."""

    user_id: str
    catalog: str
    locked_at: str
    expires_at: str
    epoch: str
    epoch_hash: str
    model_id: str
    multiplier_bps: int
    prompt_price: str
    output_price: str
    basis_raw_per_microcredit: str
    protocol_fee_bps: int
    is_empty_answer_free: bool
    offer_hash: str
    worker_id: str = ""
    """Whose ask the prices are; "" for list prices."""
    worker_wallet: str = ""
    preference: str = ""

    @property
    def terms(self) -> PriceTerms:
        """The terms that are locked."""
        return PriceTerms(
            epoch=self.epoch,
            epoch_hash=self.epoch_hash,
            model_id=self.model_id,
            multiplier_bps=Bps(self.multiplier_bps),
            prompt_price=int(self.prompt_price),
            output_price=int(self.output_price),
            basis_raw_per_microcredit=int(self.basis_raw_per_microcredit),
            protocol_fee_bps=Bps(self.protocol_fee_bps),
            is_empty_answer_free=self.is_empty_answer_free,
            offer_hash=self.offer_hash,
        )

    def require_in_time(self, now: str) -> None:
        """Refuses a job of another time than the one for which the terms are kept.

        Raises:
            InvalidInput: it has ended, or the clock was set back before its beginning.
        """
        if now >= self.expires_at:
            raise _refusal(f"it ended at {self.expires_at}: ask for a new one")
        if now < self.locked_at:
            raise _refusal(f"it begins at {self.locked_at}: our clock was set back")

    def require_model(self, name: str) -> None:
        """Refuses another model than the one that was quoted.

        Raises:
            InvalidInput: it is another.
        """
        if name != self.model_id:
            raise _refusal(f"it is for the model {self.model_id!r}, not {name!r}")


_decode_promise = msgspec.json.Decoder(Promise)


def make_promise(
    customer: Customer,
    terms: PriceTerms,
    *,
    catalog: str,
    now: str,
    worker_id: str = "",
    worker_wallet: str = "",
    preference: str = "",
) -> Promise:
    """The promise of `terms` from now on."""
    return Promise(
        user_id=customer.user_id,
        catalog=catalog,
        locked_at=now,
        expires_at=after_iso(now, seconds=QUOTE_LIFE_S),
        epoch=terms.epoch,
        epoch_hash=terms.epoch_hash,
        model_id=terms.model_id,
        multiplier_bps=terms.multiplier_bps,
        prompt_price=str(terms.prompt_price),
        output_price=str(terms.output_price),
        basis_raw_per_microcredit=str(terms.basis_raw_per_microcredit),
        protocol_fee_bps=terms.protocol_fee_bps,
        is_empty_answer_free=terms.is_empty_answer_free,
        offer_hash=terms.offer_hash,
        worker_id=worker_id,
        worker_wallet=worker_wallet,
        preference=preference,
    )


class QuoteSigner:
    """Makes and reads the tokens of one network."""

    def __init__(self, hasher: SecretHasher, *, catalog: str) -> None:
        self._hasher = hasher
        self._catalog = catalog

    def sign(self, promise: Promise) -> str:
        """The token of a promise."""
        payload = base64.urlsafe_b64encode(msgspec.json.encode(promise)).rstrip(b"=").decode()
        return f"{_PREFIX}{payload}.{self._hasher.hash(_PURPOSE + payload)}"

    def read_header(self, request: web.Request, customer: Customer, *, now: str) -> Promise | None:
        """What the header of a request claims; None without the header.

        Raises:
            InvalidInput: no token of ours, of another customer, or one that has ended.
        """
        token = request.headers.get(QUOTE_HEADER)
        return self.read(token, customer, now=now) if token is not None else None

    def read(self, token: str, customer: Customer, *, now: str) -> Promise:
        """The promise of a token.

        Raises:
            InvalidInput: no token of ours, of another customer, or one that has ended.
        """
        if not _TOKEN.fullmatch(token):
            raise _refusal("it is no quote: expected the `quote` of POST /api/inference/quote")
        _prefix, payload, signature = token.split(".")
        if not self._hasher.matches(_PURPOSE + payload, signature):
            raise _refusal("we did not make it, or it was changed")
        promise = _decode(payload)
        if promise.user_id != customer.user_id:
            raise _refusal("it was made for another customer")
        promise.require_in_time(now)
        if promise.catalog != self._catalog:
            raise _refusal("the models have changed since: ask for a new one")
        return promise


def _decode(payload: str) -> Promise:
    """What we signed ourselves; another version of this program may have spelt it otherwise."""
    try:
        return _decode_promise.decode(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (msgspec.MsgspecError, binascii.Error, UnicodeDecodeError):
        raise _refusal("another version of basis made it: ask for a new one") from None


def _refusal(why: str) -> InvalidInput:
    return InvalidInput(f"{QUOTE_HEADER}: {why}", param=QUOTE_HEADER.lower())
