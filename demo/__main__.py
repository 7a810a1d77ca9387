"""`python -m demo`: tells the story; exit code 0 only if every check held."""

from __future__ import annotations

import sys
from pathlib import Path

from rich.console import Console

from demo.processes import DemoFailed
from demo.story import Story


def main() -> int:
    """The exit code."""
    console = Console(width=120) if not sys.stdout.isatty() else Console()
    try:
        return 0 if Story(Path(".demo"), console).tell() else 1
    except DemoFailed as error:
        console.print(f"[red]the demo could not go on:[/red] {error}")
        return 1
    except KeyboardInterrupt:
        console.print("stopped")
        return 130


if __name__ == "__main__":
    sys.exit(main())
