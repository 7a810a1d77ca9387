"""Keeps a library's import from lifting Python's guard against deep nesting.

`py_ecc`, which eth-account and so web3 import, sets the recursion limit of the whole process to
100,000. JSON of some 50,000 opening brackets then overruns the C stack: the process is killed,
where it should raise RecursionError. So whoever imports one of them does it under this.
"""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def kept_recursion_limit() -> Generator[None]:
    """Sets the limit back at the end of the block to what it was at its beginning."""
    before = sys.getrecursionlimit()
    try:
        yield
    finally:
        sys.setrecursionlimit(before)
