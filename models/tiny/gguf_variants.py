"""Writes the smaller variants of the committed GGUF file; equal input gives equal bytes."""

from __future__ import annotations

import argparse
from pathlib import Path

from models.tiny.language_model import Precision, load_gguf, store_gguf

ARTEFACTS = Path(__file__).parents[2] / "src" / "basis" / "artefacts"
GGUF = ARTEFACTS / "basis-tiny.gguf"
VARIANTS = (Precision.F16, Precision.Q8_0, Precision.Q4_0)


def write_variants(source: Path, folder: Path) -> list[Path]:
    """Writes one file per precision of `VARIANTS`, named after the source; returns their paths."""
    model = load_gguf(source)
    paths = []
    for precision in VARIANTS:
        path = folder / f"{source.stem}-{precision.value}.gguf"
        store_gguf(model, path, precision)
        paths.append(path)
    return paths


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", type=Path, default=GGUF)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "build")
    arguments = parser.parse_args()
    for path in write_variants(arguments.source, arguments.out):
        print(f"{path}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
