"""Whole numbers as a worker may send them: bounded, so that they are short on any page or log."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

Number = Annotated[int, Meta(ge=0, lt=1 << 53)]
"""Any of them: what every JSON reader knows exactly."""

DeviceCount = Annotated[int, Meta(ge=0, le=1 << 16)]
MemoryMib = Annotated[int, Meta(ge=0, le=1 << 40)]
