"""Owners who sign offers: real keys, real signatures."""

from __future__ import annotations

import time
from typing import Any

from eth_account import Account
from eth_account.messages import encode_typed_data

from basis.rules.job import WorkerId
from basis.rules.offer import ModelAsk, Offer, Signed, Withdrawal, signed_json, typed_data
from basis.rules.wallet import Wallet, parse_wallet

TINY_LIST = (15_000_000, 60_000_000)
"""The list prices of basis-tiny: a tenth of 150 and 600 credits per million tokens."""


class Owner:
    """Holds the key of a wallet, and signs with it."""

    def __init__(self, number: int = 1) -> None:
        self._account = Account.from_key(number.to_bytes(32, "big"))
        self.wallet: Wallet = parse_wallet(self._account.address)

    def offer(
        self,
        prompt_price: int = TINY_LIST[0],
        output_price: int = TINY_LIST[1],
        *,
        worker_id: str = "gpu-7a1c",
        model: str = "basis-tiny",
        nonce: int = 1,
        capacity: int = 4,
        begins_in_s: int = -60,
        life_s: int = 3_600,
        now_s: int | None = None,
    ) -> Offer:
        """An offer for one model that began a minute ago."""
        now = int(time.time()) if now_s is None else now_s
        return Offer(
            worker_id=WorkerId(worker_id),
            wallet=self.wallet,
            models=(ModelAsk(model=model, prompt_price=prompt_price, output_price=output_price),),
            capacity=capacity,
            not_before=now + begins_in_s,
            expires_at=now + life_s,
            nonce=nonce,
        )

    def withdrawal(self, *, nonce: int, worker_id: str = "gpu-7a1c") -> Withdrawal:
        """A withdrawal of all offers with a lower nonce."""
        return Withdrawal(worker_id=WorkerId(worker_id), wallet=self.wallet, nonce=nonce)

    def sign(self, signed: Signed) -> str:
        """The signature, by the library that wallets use."""
        message = encode_typed_data(full_message=typed_data(signed))
        return "0x" + bytes(self._account.sign_message(message).signature).hex()

    def body(self, signed: Signed, *, signature: str | None = None) -> dict[str, Any]:
        """The body of the call that delivers it."""
        name = "offer" if isinstance(signed, Offer) else "withdrawal"
        return {
            name: dict(signed_json(signed)),
            "signature": self.sign(signed) if signature is None else signature,
        }
