"""Reads the operator's TOML files: `basis.toml` and `catalog.toml`."""

from __future__ import annotations

import tomllib
from pathlib import Path

from basis.rules.errors import Misconfigured


def load_toml(path: Path) -> dict[str, object]:
    """The tables of the file.

    Raises:
        Misconfigured: it cannot be read, or is no TOML that Python can hold.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Misconfigured(f"there is no file {path}") from None
    except OSError as error:
        raise Misconfigured(f"{path} cannot be read: {error.strerror}") from None
    except RecursionError:
        raise Misconfigured(f"{path} is not valid TOML: it is nested too deeply") from None
    except ValueError as error:  # bad syntax, no UTF-8, an integer of thousands of digits
        raise Misconfigured(f"{path} is not valid TOML: {error}") from None
