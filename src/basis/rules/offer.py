"""What a worker's owner signs to set its own prices: the offer, its withdrawal, and their digests.

An owner is whoever holds the key of the wallet that is paid; a worker itself holds no key. Prices
are effective ones, in micro-credits per million tokens, in place of the list prices.
Whether an offer is good stands in `basis.rules.offer_checks`.
Source: mission N18, N3; decision 0013.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from basis.rules.job import WorkerId
from basis.rules.typed_data import (
    BASIS_DOMAIN,
    DOMAIN_FIELDS,
    compute_digest,
    encode_address,
    encode_array,
    encode_text,
    encode_uint,
    hash_struct,
)
from basis.rules.wallet import Wallet

OFFER_TYPE = "WorkerOffer"
WITHDRAWAL_TYPE = "OfferWithdrawal"

_ASK_FIELDS = (("model", "string"), ("promptPrice", "uint64"), ("outputPrice", "uint64"))
_OFFER_FIELDS = (
    ("workerId", "string"),
    ("wallet", "address"),
    ("models", "ModelAsk[]"),
    ("capacity", "uint32"),
    ("notBefore", "uint64"),
    ("expiresAt", "uint64"),
    ("nonce", "uint64"),
)
_WITHDRAWAL_FIELDS = (("workerId", "string"), ("wallet", "address"), ("nonce", "uint64"))

_Fields = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelAsk:
    """What the owner asks for one model, in micro-credits per million tokens."""

    model: str
    prompt_price: int
    output_price: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """Asks of one worker from `not_before` to before `expires_at`, both in Unix seconds.

    `capacity` is how many jobs the worker takes at once. Of the offers that have begun, the one
    with the highest nonce counts.
    """

    worker_id: WorkerId
    wallet: Wallet
    models: tuple[ModelAsk, ...]
    capacity: int
    not_before: int
    expires_at: int
    nonce: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawal:
    """Takes back every offer of the worker's owner with a lower nonce."""

    worker_id: WorkerId
    wallet: Wallet
    nonce: int


Signed = Offer | Withdrawal
"""Whatever an owner signs."""


def compute_offer_hash(signed: Signed) -> str:
    """The digest that the owner signs, in 64 hex digits: the name of the offer on every record."""
    return compute_signed_digest(signed).hex()


def compute_signed_digest(signed: Signed) -> bytes:
    """The 32 bytes that the owner's wallet signs. Source: EIP-712."""
    if isinstance(signed, Offer):
        return compute_digest(_hash_offer(signed))
    words = (
        encode_text(signed.worker_id),
        encode_address(signed.wallet),
        encode_uint(signed.nonce),
    )
    return compute_digest(hash_struct(_type_of(WITHDRAWAL_TYPE, _WITHDRAWAL_FIELDS), words))


def typed_data(signed: Signed) -> dict[str, object]:
    """What `eth_signTypedData_v4` of any wallet takes, as JSON."""
    is_offer = isinstance(signed, Offer)
    types: dict[str, object] = {"EIP712Domain": _as_rows(DOMAIN_FIELDS)}
    if is_offer:
        types[OFFER_TYPE] = _as_rows(_OFFER_FIELDS)
        types["ModelAsk"] = _as_rows(_ASK_FIELDS)
    else:
        types[WITHDRAWAL_TYPE] = _as_rows(_WITHDRAWAL_FIELDS)
    return {
        "types": types,
        "primaryType": OFFER_TYPE if is_offer else WITHDRAWAL_TYPE,
        "domain": {
            "name": BASIS_DOMAIN.name,
            "version": BASIS_DOMAIN.version,
            "chainId": BASIS_DOMAIN.chain_id,
        },
        "message": signed_json(signed),
    }


def signed_json(signed: Signed) -> Mapping[str, object]:
    """The message under its published names."""
    named: dict[str, object] = {"workerId": signed.worker_id, "wallet": signed.wallet}
    if isinstance(signed, Offer):
        named["models"] = [
            {"model": ask.model, "promptPrice": ask.prompt_price, "outputPrice": ask.output_price}
            for ask in signed.models
        ]
        named["capacity"] = signed.capacity
        named["notBefore"] = signed.not_before
        named["expiresAt"] = signed.expires_at
    named["nonce"] = signed.nonce
    return named


def _hash_offer(offer: Offer) -> bytes:
    ask_type = _type_of("ModelAsk", _ASK_FIELDS)
    asks = (
        hash_struct(
            ask_type,
            (
                encode_text(ask.model),
                encode_uint(ask.prompt_price),
                encode_uint(ask.output_price),
            ),
        )
        for ask in offer.models
    )
    words = (
        encode_text(offer.worker_id),
        encode_address(offer.wallet),
        encode_array(asks),
        encode_uint(offer.capacity),
        encode_uint(offer.not_before),
        encode_uint(offer.expires_at),
        encode_uint(offer.nonce),
    )
    return hash_struct(_type_of(OFFER_TYPE, _OFFER_FIELDS) + ask_type, words)


def _type_of(name: str, fields: _Fields) -> str:
    return f"{name}({','.join(f'{kind} {field}' for field, kind in fields)})"


def _as_rows(fields: _Fields) -> list[dict[str, str]]:
    return [{"name": name, "type": kind} for name, kind in fields]
