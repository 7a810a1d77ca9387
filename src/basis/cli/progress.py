"""The bar that long work draws on stderr, where a person looks on."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager


@contextmanager
def show_progress(words: str, total: int) -> Generator[Callable[[int], None]]:
    """Draws a bar of `total` steps until the block ends; what it gives is told the steps done."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(words, total=total)
        yield lambda done: progress.update(task, completed=done)
