"""Signatures of webhooks: real ones are taken, all others refused by name."""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path

import pytest

from basis.gateway.stripe_signature import StripeSecret, load_stripe_secret
from basis.rules.errors import InvalidInput, Misconfigured

SECRET = "whsec_test_0123456789abcdef"
NOW_S = 1_764_000_000
BODY = b'{"id":"evt_1"}'


def sign(*, at_s: int = NOW_S, body: bytes = BODY, secret: str = SECRET) -> str:
    """A v1 signature, by its definition."""
    return hmac.new(secret.encode(), f"{at_s}.".encode() + body, hashlib.sha256).hexdigest()


def check(header: str | None, body: bytes = BODY, now_s: int = NOW_S) -> None:
    """Checks as the webhook does."""
    StripeSecret(SECRET).check(header, body, now_s=now_s)


@pytest.mark.parametrize(
    "header",
    [
        f"t={NOW_S},v1={sign()}",
        f"t={NOW_S}, v1={sign()}",
        f"v1={sign()},t={NOW_S}",
        f"t={NOW_S},v1={'0' * 64},v1={sign()}",
        f"t={NOW_S},v1={sign()},v0={'f' * 64},v1={'1' * 64}",
        f"t={NOW_S - 300},v1={sign(at_s=NOW_S - 300)}",
        f"t={NOW_S + 300},v1={sign(at_s=NOW_S + 300)}",
    ],
)
def test_signature__of_this_body_and_secret__is_taken(header: str) -> None:
    check(header)

    assert StripeSecret(SECRET).sign(BODY, at_s=NOW_S) == sign()


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "nonsense",
        f"t={NOW_S}",
        f"v1={sign()}",
        f"t=,v1={sign()}",
        f"t=-1,v1={sign()}",
        f"t=1e9,v1={sign()}",
        f"t={'9' * 400},v1={sign()}",
        f"t={NOW_S},t={NOW_S},v1={sign()}",
        f"t={NOW_S},v0={sign()}",
        f"t={NOW_S},v1={sign()[:-1]}",
        f"t={NOW_S},v1={sign().upper()}",
        f"t={NOW_S},v1={'0' * 64}",
        f"t={NOW_S},v1=\u00e9\udcff",
        f"t={NOW_S},v1={sign(secret=SECRET + 'x')}",
        f"t={NOW_S + 1},v1={sign()}",
        f"t={NOW_S - 301},v1={sign(at_s=NOW_S - 301)}",
        f"t={NOW_S + 301},v1={sign(at_s=NOW_S + 301)}",
        f"t={NOW_S}," + ",".join([f"v1={'0' * 64}"] * 16) + f",v1={sign()}",
        f"t={NOW_S},v1={sign()}," + "x" * 2_000,
    ],
)
def test_signature__any_other__is_refused(header: str | None) -> None:
    with pytest.raises(InvalidInput) as refused:
        check(header)

    assert refused.value.param == "stripe-signature"
    assert sign() not in refused.value.message


def test_signature__of_another_body__is_refused() -> None:
    with pytest.raises(InvalidInput, match="no signature is of this body"):
        check(f"t={NOW_S},v1={sign()}", BODY + b" ")


def make_file(folder: Path, content: bytes, mode: int = 0o600) -> str:
    """A file as the operator writes it."""
    path = folder / "secret"
    path.write_bytes(content)
    path.chmod(mode)
    return str(path)


def test_secret_file__with_a_newline_at_its_end__is_the_secret(tmp_path: Path) -> None:
    secret = load_stripe_secret(make_file(tmp_path, SECRET.encode() + b"\n"), is_live=True)

    assert secret is not None
    assert secret.sign(BODY, at_s=NOW_S) == sign()
    assert SECRET not in repr(secret)


def test_secret_file__none_named__is_none() -> None:
    assert load_stripe_secret("", is_live=True) is None


@pytest.mark.parametrize(
    ("content", "mode", "words"),
    [
        (b"", 0o600, "holds no secret"),
        (b"short", 0o600, "holds no secret"),
        (b"x" * 257, 0o600, "holds no secret"),
        (b"x" * 10_000, 0o600, "holds no secret"),
        (b"two words are no secret", 0o600, "holds no secret"),
        ("whsec_\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9".encode(), 0o600, "holds no secret"),
        (SECRET.encode(), 0o640, "chmod 600"),
        (SECRET.encode(), 0o604, "chmod 600"),
    ],
)
def test_secret_file__unusable__is_refused_without_its_content(
    tmp_path: Path, content: bytes, mode: int, words: str
) -> None:
    file = make_file(tmp_path, content, mode)

    with pytest.raises(Misconfigured, match=words) as refused:
        load_stripe_secret(file, is_live=True)

    assert SECRET not in refused.value.message


def test_secret_file__missing_or_a_folder__is_refused(tmp_path: Path) -> None:
    for file in (tmp_path, tmp_path / "none"):
        with pytest.raises(Misconfigured, match=r"billing\.stripe_secret_file"):
            load_stripe_secret(str(file), is_live=True)
