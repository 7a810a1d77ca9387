"""Every Parquet file of an export, from the modules that describe them."""

from __future__ import annotations

from basis.rules.export_context import CONTEXT_FILES
from basis.rules.export_format import PARQUET_FILES
from basis.rules.export_market import MARKET_FILES

ALL_FILES = (*PARQUET_FILES, *MARKET_FILES, *CONTEXT_FILES)
"""An export has all of them, each also where it has no rows."""
