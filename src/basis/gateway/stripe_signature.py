"""Whether a webhook's body comes from Stripe: its signature, under a secret that both know.

The header is `t=<unix seconds>,v1=<hex>[,v1=<hex>...]`; a signature is HMAC-SHA256 over
`<t>.<body>`. Several stand there while a secret is replaced; other schemes are passed over.
Source: Stripe's documentation of webhook signatures.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import stat
from pathlib import Path

from basis.rules.errors import InvalidInput, Misconfigured

SIGNATURE_HEADER = "Stripe-Signature"
TOLERANCE_S = 300
"""How old a signature may be, so that a copy of it is soon worth nothing. Source: Stripe's own."""
_LONGEST_HEADER = 2_000
_MOST_SIGNATURES = 16
_TIME = re.compile(r"[0-9]{1,12}", re.ASCII)
_SIGNATURE = re.compile(r"[0-9a-f]{64}", re.ASCII)
_SECRET = re.compile(r"[\x21-\x7e]{16,256}", re.ASCII)


class StripeSecret:
    """The signing secret of one webhook, never printed, and whether its payments are real money."""

    def __init__(self, secret: str, *, is_live: bool = True) -> None:
        self._secret = secret.encode()
        self.is_live = is_live

    def sign(self, payload: bytes, *, at_s: int) -> str:
        """The signature of `payload` at a time in unix seconds."""
        return hmac.new(self._secret, b"%d." % at_s + payload, hashlib.sha256).hexdigest()

    def check(self, header: str | None, payload: bytes, *, now_s: int) -> None:
        """Accepts a body that whoever knows the secret has signed just now.

        Raises:
            InvalidInput: no signature, a malformed one, one of another time or of another secret.
        """
        at_s, signatures = _parse(header)
        if abs(now_s - at_s) > TOLERANCE_S:
            raise _refusal(f"the signature is not of the last {TOLERANCE_S} s; see both clocks")
        expected = self.sign(payload, at_s=at_s).encode()
        # All are compared, and each in a time that does not depend on where it differs.
        matches = [hmac.compare_digest(expected, one.encode()) for one in signatures]
        if not any(matches):
            raise _refusal("no signature is of this body under our secret")


def load_stripe_secret(file: str, *, is_live: bool) -> StripeSecret | None:
    """The secret in the file that the settings name; None where they name none.

    Raises:
        Misconfigured: it cannot be read, is open to others, or holds no secret.
    """
    if not file:
        return None
    path = Path(file).expanduser()
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise Misconfigured(f"billing.stripe_secret_file: {path} is no file")
        if status.st_mode & 0o077:
            raise Misconfigured(
                f"billing.stripe_secret_file: others can read {path}: chmod 600 {path}"
            )
        with path.open("rb") as opened:
            text = opened.read(1_024).decode("ascii").strip()
    except OSError as error:
        raise Misconfigured(
            f"billing.stripe_secret_file: {path} cannot be read: {error.strerror}"
        ) from None
    except UnicodeDecodeError:
        text = ""
    if not _SECRET.fullmatch(text):
        raise Misconfigured(
            f"billing.stripe_secret_file: {path} holds no secret: expected 16 to 256 printable "
            f"characters on one line, as in whsec_..."
        )
    return StripeSecret(text, is_live=is_live)


def _parse(header: str | None) -> tuple[int, list[str]]:
    """(time in unix seconds, signatures) of the header."""
    if not header:
        raise _refusal("the signature is missing")
    times: list[str] = []
    signatures: list[str] = []
    for part in header[: _LONGEST_HEADER + 1].split(","):
        name, _equals, value = part.strip().partition("=")
        if name == "t":
            times.append(value)
        elif name == "v1" and _SIGNATURE.fullmatch(value):
            signatures.append(value)
    is_bounded = len(header) <= _LONGEST_HEADER and 1 <= len(signatures) <= _MOST_SIGNATURES
    if not is_bounded or len(times) != 1 or not _TIME.fullmatch(times[0]):
        raise _refusal("the signature is not of the form t=...,v1=...")
    return int(times[0]), signatures


def _refusal(why: str) -> InvalidInput:
    return InvalidInput(f"{SIGNATURE_HEADER}: {why}", param=SIGNATURE_HEADER.lower())
