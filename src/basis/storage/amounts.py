"""Reads amounts off the store's rows: base units as decimal text, with one spelling each."""

from __future__ import annotations

from basis.rules.errors import DamagedRecord, InvalidInput
from basis.rules.units import AmountRaw, parse_raw, parse_signed_raw


def read_amount(text: str, *, field: str) -> AmountRaw:
    """The amount that is recorded under `field`; whoever reads the row names the record.

    Raises:
        DamagedRecord: `"010"`, `"+1"`, `""` and whatever else basis never writes.
    """
    try:
        return parse_raw(text, param=field)
    except InvalidInput as error:
        raise DamagedRecord(error.message) from error


def read_signed_amount(text: str, *, field: str) -> AmountRaw:
    """As `read_amount`, for postings and balances, which may be negative.

    Raises:
        DamagedRecord: whatever basis never writes, `"-0"` too.
    """
    try:
        return parse_signed_raw(text, param=field)
    except InvalidInput as error:
        raise DamagedRecord(error.message) from error
