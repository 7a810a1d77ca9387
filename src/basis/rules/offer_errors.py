"""What can be wrong with an owner's offer, beyond what can be wrong with any input.

InvalidInput
└── PriceOutsideRails         an offer asks more or less than it may; names the rail
Forbidden
└── WrongSigner               signed by somebody else than it must be
Conflict
└── StaleNonce                signed before what is on record already
"""

from __future__ import annotations

from basis.rules.errors import Conflict, Forbidden, InvalidInput


class PriceOutsideRails(InvalidInput):
    """An ask that the rails do not allow; `rail` is worker_floor, lowest or highest."""

    code = "price_outside_rails"

    def __init__(self, message: str, *, param: str, rail: str) -> None:
        super().__init__(message, param=param)
        self.rail = rail


class WrongSigner(Forbidden):
    """Signed well, but not by the one whose word it must be."""

    code = "wrong_signer"


class StaleNonce(Conflict):
    """Signed, but not after the signer's last word."""

    code = "stale_nonce"
