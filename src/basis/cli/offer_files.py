"""What `basis offer` reads and writes: asks, typed data, signed bodies. Nothing is believed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, cast

import msgspec

from basis.rules.errors import InvalidInput
from basis.rules.offer import ModelAsk, Offer, Signed, compute_offer_hash, signed_json, typed_data
from basis.rules.offer_checks import validate_form
from basis.rules.units import CREDIT, format_amount, parse_amount
from basis.wire.offers import OfferForm, SignedOffer, SignedWithdrawal, WithdrawalForm

if TYPE_CHECKING:
    from basis.storage.offer_store import OfferRecord

_MAX_BYTES = 1 << 20


def read_ask(text: str) -> ModelAsk:
    """The ask that `MODEL=PROMPT,OUTPUT` spells, in credits per million tokens.

    Raises:
        InvalidInput: not of this form, or no plain decimals with at most 6 places.
    """
    model, equals, prices = text.partition("=")
    prompt, comma, output = prices.partition(",")
    if not (model and equals and comma):
        raise InvalidInput(
            f"--ask is {text[:80]!r}: expected MODEL=PROMPT,OUTPUT, as basis-small=60,240.5",
            param="--ask",
        )
    return ModelAsk(
        model=model,
        prompt_price=parse_amount(prompt, CREDIT, param="--ask"),
        output_price=parse_amount(output, CREDIT, param="--ask"),
    )


def load_typed_data(file: Path) -> Signed:
    """The offer or withdrawal that typed data of ours spells; `-` is stdin.

    Raises:
        InvalidInput: it is none, or its types or domain are not ours: who signs must know what.
    """
    document = _load_json(file)
    message = document.get("message")
    form = OfferForm if document.get("primaryType") == "WorkerOffer" else WithdrawalForm
    try:
        spelt = msgspec.convert(message, form)
    except msgspec.ValidationError as error:
        raise InvalidInput(f"{file} is no typed data of an offer: {error}") from error
    signed = spelt.as_offer() if isinstance(spelt, OfferForm) else spelt.as_withdrawal()
    validate_form(signed)
    if document != typed_data(signed):
        raise InvalidInput(
            f"{file} is not the typed data that basis signs: its types, domain or message differ "
            f"from what `basis offer make` prints"
        )
    return signed


def load_signed(file: Path, *, signature: str) -> tuple[Signed, str]:
    """What was signed and the signature: from `sign`'s output, or typed data and `signature`.

    Raises:
        InvalidInput: it is neither, or the signature is missing.
    """
    if signature:
        return load_typed_data(file), signature.lower()
    document = _load_json(file)
    try:
        if "offer" in document:
            body = msgspec.convert(document, SignedOffer)
            return body.offer.as_offer(), body.signature
        withdrawal = msgspec.convert(document, SignedWithdrawal)
    except msgspec.ValidationError as error:
        raise InvalidInput(
            f"{file} is no signed offer: {error}; sign it first, or give --signature"
        ) from error
    return withdrawal.withdrawal.as_withdrawal(), withdrawal.signature


def signed_body(signed: Signed, signature: str) -> dict[str, object]:
    """The body of the call that delivers it."""
    name = "offer" if isinstance(signed, Offer) else "withdrawal"
    return {name: signed_json(signed), "signature": signature}


def describe_signed(signed: Signed) -> Iterator[str]:
    """What is about to be signed, in words, line by line."""
    if not isinstance(signed, Offer):
        yield f"Withdrawal of every offer of {signed.worker_id} by {signed.wallet}"
        yield f"with a nonce below {signed.nonce}"
        return
    yield f"Offer of {signed.worker_id} by {signed.wallet}"
    for ask in signed.models:
        prompt, output = (
            format_amount(price, CREDIT) for price in (ask.prompt_price, ask.output_price)
        )
        yield f"  {ask.model}: {prompt} and {output} per million prompt and output tokens"
    begins = "at once" if signed.not_before == 0 else _show_time(signed.not_before)
    yield f"  {signed.capacity} jobs at once, from {begins} until {_show_time(signed.expires_at)}"
    yield f"  nonce {signed.nonce}, hash {compute_offer_hash(signed)}"


def record_row(record: OfferRecord) -> dict[str, object]:
    """A record of the store as a row of a list."""
    signed = record.signed
    asks = (
        " ".join(f"{ask.model}={ask.prompt_price},{ask.output_price}" for ask in signed.models)
        if isinstance(signed, Offer)
        else ""
    )
    return {
        "worker": signed.worker_id,
        "nonce": signed.nonce,
        "status": record.status.value,
        "accepted": record.accepted_at,
        "ended": record.ended_at or "",
        "asks": asks,
        "hash": record.hash,
    }


def _show_time(unix_s: int) -> str:
    try:
        return datetime.fromtimestamp(unix_s, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (OverflowError, ValueError, OSError):
        return f"{unix_s} s after 1970"


def _load_json(file: Path) -> dict[str, object]:
    try:
        if str(file) == "-":
            data = sys.stdin.buffer.read(_MAX_BYTES + 1)
        else:
            with file.open("rb") as stream:
                data = stream.read(_MAX_BYTES + 1)
    except OSError as error:
        raise InvalidInput(f"{file} cannot be read: {error.strerror}") from error
    if len(data) > _MAX_BYTES:
        raise InvalidInput(f"{file} is larger than {_MAX_BYTES} bytes: it is no offer")
    try:
        document = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInput(f"{file} is no JSON: {error}") from error
    if not isinstance(document, dict):
        raise InvalidInput(f"{file} holds no JSON object")
    return cast("dict[str, object]", document)
