"""Named exit codes of the commands that are not the worker's."""

from __future__ import annotations

from basis.rules.chain_errors import ChainFault
from basis.rules.errors import (
    BasisError,
    Conflict,
    DamagedRecord,
    InsufficientCredits,
    InvalidInput,
    Misconfigured,
    NotFound,
    SchemaDiffers,
    StorageUnavailable,
    Unreachable,
)
from basis.rules.offer_errors import WrongSigner

EXIT_CODES = (
    "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 wrong input, 4 not found, 5 conflict, "
    "6 misconfigured, 7 storage unavailable, 8 a recompute found a difference, "
    "9 store of another version, 10 damaged record, 11 a chain that cannot be read, "
    "12 an orchestrator that cannot be reached, 13 too few credits."
)

EXIT_MISCONFIGURED = 6
EXIT_DIFFERENT = 8

_CODES: tuple[tuple[type[BasisError], int], ...] = (
    (InvalidInput, 3),
    (WrongSigner, 3),
    (NotFound, 4),
    (Conflict, 5),
    (SchemaDiffers, 9),
    (DamagedRecord, 10),
    (Misconfigured, EXIT_MISCONFIGURED),
    (StorageUnavailable, 7),
    (ChainFault, 11),
    (Unreachable, 12),
    (InsufficientCredits, 13),
)
"""First match wins; children stand before their parents."""


def exit_code_of(error: BasisError) -> int:
    """The code that stands for `error`."""
    return next((code for kind, code in _CODES if isinstance(error, kind)), 1)
