"""Where the shipped model files are."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

TINY_GGUF = Path(str(resources.files("basis") / "artefacts" / "basis-tiny.gguf"))
WORSE_GGUF = Path(str(resources.files("basis") / "artefacts" / "basis-tiny-worse.gguf"))
