"""The files of the repository as git sees them, read once."""

from __future__ import annotations

import ast
import functools
import io
import subprocess
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@functools.cache
def tracked_paths() -> tuple[str, ...]:
    """Every path that is committed or would be by `git add --all`, and is on disk, sorted."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return tuple(sorted(path for path in set(listing.split("\0")) if (ROOT / path).is_file()))


def is_ignored(path: str) -> bool:
    """Whether git ignores `path`: a place that something writes and nobody commits."""
    answer = subprocess.run(["git", "check-ignore", "--quiet", path], cwd=ROOT, check=False)
    return answer.returncode == 0


@functools.cache
def known_places() -> frozenset[str]:
    """Every tracked path and every folder above one, without a trailing slash."""
    places = set(tracked_paths())
    for path in tracked_paths():
        places.update(str(parent) for parent in Path(path).parents)
    return frozenset(places)


@functools.cache
def read_text(path: str) -> str | None:
    """The text of a tracked file; None for a binary one."""
    data = (ROOT / path).read_bytes()
    if b"\0" in data:
        return None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonFile:
    """One source file with its syntax tree and its comments by line."""

    path: str
    text: str
    tree: ast.Module
    comments: dict[int, str]

    def at(self, node: ast.AST | int, message: str) -> str:
        """A finding in the form that editors jump to."""
        line = node if isinstance(node, int) else getattr(node, "lineno", 1)
        return f"{self.path}:{line}: {message}"


def parse_python(path: str, text: str) -> PythonFile:
    """The parsed form of `text`, as if it stood at `path`."""
    comments = {
        token.start[0]: token.string
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type == tokenize.COMMENT
    }
    return PythonFile(path=path, text=text, tree=ast.parse(text), comments=comments)


@functools.cache
def _parsed(path: str) -> PythonFile:
    return parse_python(path, (ROOT / path).read_text(encoding="utf-8"))


def python_files(*folders: str) -> Iterator[PythonFile]:
    """Every Python file under `folders`; under none given, all."""
    for path in tracked_paths():
        if path.endswith(".py") and (not folders or path.startswith(folders)):
            yield _parsed(path)


def text_files(*endings: str) -> Iterator[tuple[str, str]]:
    """(path, text) of every text file with one of `endings`; with none given, all."""
    for path in tracked_paths():
        if not endings or path.endswith(endings):
            text = read_text(path)
            if text is not None:
                yield path, text
