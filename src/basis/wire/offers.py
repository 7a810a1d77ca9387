"""Bodies of the calls about owners' offers, under the names that a wallet shows while signing.

The integers are bounded so that any JSON reader keeps them whole; what an offer may say is judged
by `basis.rules.offer_checks`.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from basis.rules.names import parse_worker_id
from basis.rules.offer import ModelAsk, Offer, Withdrawal
from basis.rules.wallet import parse_wallet

OFFERS_PATH = "/api/workers/offers"
WITHDRAWALS_PATH = "/api/workers/offers/withdraw"
MARKET_PATH = "/api/workers/market"

_Number = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]
_Name = Annotated[str, msgspec.Meta(max_length=64)]
_Signature = Annotated[str, msgspec.Meta(max_length=132)]


class AskForm(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"
):
    """One row of `models`: micro-credits per million tokens."""

    model: _Name
    prompt_price: _Number
    output_price: _Number


class OfferForm(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"
):
    """The message that an owner signed."""

    worker_id: _Name
    wallet: _Name
    models: Annotated[list[AskForm], msgspec.Meta(min_length=1, max_length=64)]
    capacity: _Number
    not_before: _Number
    expires_at: _Number
    nonce: _Number

    def as_offer(self) -> Offer:
        """The offer that the message spells.

        Raises:
            InvalidInput: an unusable worker id or wallet.
        """
        return Offer(
            worker_id=parse_worker_id(self.worker_id, param="offer.workerId"),
            wallet=parse_wallet(self.wallet, param="offer.wallet"),
            models=tuple(
                ModelAsk(
                    model=ask.model, prompt_price=ask.prompt_price, output_price=ask.output_price
                )
                for ask in self.models
            ),
            capacity=self.capacity,
            not_before=self.not_before,
            expires_at=self.expires_at,
            nonce=self.nonce,
        )


class WithdrawalForm(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"
):
    """The message that takes back all offers with a lower nonce."""

    worker_id: _Name
    wallet: _Name
    nonce: _Number

    def as_withdrawal(self) -> Withdrawal:
        """The withdrawal that the message spells.

        Raises:
            InvalidInput: an unusable worker id or wallet.
        """
        return Withdrawal(
            worker_id=parse_worker_id(self.worker_id, param="withdrawal.workerId"),
            wallet=parse_wallet(self.wallet, param="withdrawal.wallet"),
            nonce=self.nonce,
        )


class SignedOffer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`POST /api/workers/offers`. Anybody may deliver it: the signature binds every field."""

    offer: OfferForm
    signature: _Signature


class SignedWithdrawal(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`POST /api/workers/offers/withdraw`."""

    withdrawal: WithdrawalForm
    signature: _Signature


class OfferResponse(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an offer. `state` is waiting, live, or why it ended."""

    offer_hash: str
    worker_id: str
    state: str
    created: bool
    """False for a repeat of an offer that is on record already."""
    accepted_at: str


class WithdrawalResponse(msgspec.Struct, frozen=True, kw_only=True):
    """How many offers that had not ended are taken back."""

    worker_id: str
    withdrawn: int
