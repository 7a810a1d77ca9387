"""Reads the file in which the operator proposes an epoch: JSON, or TOML of the same names."""

from __future__ import annotations

from pathlib import Path

import msgspec

from basis.rules.epoch_form import parse_epoch
from basis.rules.epochs import PricingEpoch
from basis.rules.errors import InvalidInput
from basis.toml_file import load_toml

_MOST_BYTES = 1 << 20


def load_epoch_file(path: Path) -> PricingEpoch:
    """The epoch in the file; what ends in `.toml` is TOML, all else JSON.

    Raises:
        Misconfigured: the file cannot be read as TOML.
        InvalidInput: it cannot be read, is too large, or holds no epoch.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise InvalidInput(f"{path} is larger than {_MOST_BYTES} bytes", param="file")
        content = path.read_bytes()
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}", param="file") from None
    if path.suffix.lower() == ".toml":
        try:
            content = msgspec.json.encode(load_toml(path))
        except (TypeError, OverflowError) as error:
            raise InvalidInput(f"{path} is no pricing epoch: {error}", param="file") from None
    return parse_epoch(content)
