"""The models that ship inside the package, by the network names that they serve."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

_FILES = {"basis-tiny": "basis-tiny.gguf", "basis-tiny-embed": "basis-tiny.gguf"}


def find_shipped_model(model: str) -> Path | None:
    """The file of a shipped model; None for any other, or where the package is kept in a zip."""
    name = _FILES.get(model)
    if name is None:
        return None
    resource = resources.files("basis.artefacts").joinpath(name)
    return resource if isinstance(resource, Path) and resource.is_file() else None
