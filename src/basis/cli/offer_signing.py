"""Signs with a keystore on this machine. Neither key nor password is logged, shown or sent."""

from __future__ import annotations

import json
from pathlib import Path

import typer

from basis.chain.recursion import kept_recursion_limit
from basis.rules.ecdsa import recover_wallet
from basis.rules.errors import InvalidInput, Misconfigured
from basis.rules.offer import Signed, compute_signed_digest, typed_data
from basis.rules.offer_errors import WrongSigner
from basis.rules.wallet import parse_wallet

_MAX_BYTES = 1 << 16


def read_password(file: Path | None) -> str:
    """The keystore's password: the file's first line, or what is typed unseen.

    Raises:
        InvalidInput: the file cannot be read.
    """
    if file is None:
        return str(typer.prompt("Password of the keystore", hide_input=True, err=True))
    return _read(file).partition("\n")[0].removesuffix("\r")


def sign_with_keystore(signed: Signed, *, keystore: Path, password: str) -> str:
    """The signature by the keystore's key, as the wallet that `signed` names.

    Raises:
        InvalidInput: no keystore, or not its password.
        WrongSigner: the keystore is another wallet's.
        Misconfigured: the library for keystores is not installed.
    """
    try:
        document = json.loads(_read(keystore))
        address = parse_wallet("0x" + str(document["address"]).lower().removeprefix("0x"))
    except (ValueError, TypeError, KeyError, RecursionError, InvalidInput) as error:
        raise InvalidInput(f"{keystore} is no Ethereum keystore with an address") from error
    if address != signed.wallet:
        raise WrongSigner(f"{keystore} is of {address}, but {signed.wallet} must sign this")
    try:
        with kept_recursion_limit():
            from eth_account import Account
            from eth_account.messages import encode_typed_data
    except ModuleNotFoundError as error:
        raise Misconfigured("signing needs eth-account: pip install 'basis[audit]'") from error
    try:
        key = Account.decrypt(document, password)
    except ValueError as error:
        raise InvalidInput(f"the password does not open {keystore}") from error
    except (KeyError, TypeError, AttributeError, NotImplementedError) as error:
        raise InvalidInput(f"{keystore} is no Ethereum keystore that is understood here") from error
    message = encode_typed_data(full_message=typed_data(signed))
    signature = "0x" + bytes(Account.sign_message(message, private_key=key).signature).hex()
    if recover_wallet(compute_signed_digest(signed), signature) != signed.wallet:
        raise WrongSigner(f"{keystore} says {signed.wallet}, but its key is another one's")
    return signature


def _read(file: Path) -> str:
    try:
        with file.open(encoding="utf-8") as stream:
            return stream.read(_MAX_BYTES)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise InvalidInput(f"{file} cannot be read: {reason}") from error
