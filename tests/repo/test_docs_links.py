"""The documents name nothing that is not there: paths, anchors, make targets, terms."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest
from repo_files import ROOT, is_ignored, known_places, python_files, read_text, tracked_paths

DOCUMENTS = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")

TERMS = (
    *("audit", "base unit", "basis point", "batch", "canary", "catalog", "charge", "customer"),
    *("distributor", "dry-run", "dust", "entry", "epoch", "factor", "gateway", "hold", "job"),
    *("keeper", "lease", "ledger", "link", "operator", "orchestrator", "payout", "penalty"),
    *("pool", "posting", "quote", "receipt", "reward", "slot", "unearned", "verdict", "wallet"),
    *("worker", "_bps", "_ms", "_raw", "_s", "_tokens", "_us"),
)
"""Words of the story and the suffixes of units: each has one meaning, written in the glossary."""

_FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(\s*<?([^)\s>]+)>?[^)]*\)")
_PLACES = r"(?:bench|contracts|docs|models|requirements|scripts|src|tests|vectors|\.github)"
_PATH = re.compile(rf"`(?:\./)?({_PLACES}/[\w./-]*|[A-Z]+\.md|Makefile|pyproject\.toml)`")


def _markdown() -> Iterator[tuple[str, str]]:
    for path in tracked_paths():
        if path.endswith(".md"):
            yield path, read_text(path) or ""


def _slugs(text: str) -> set[str]:
    """The anchors that GitHub gives to the headings of `text`; a repeated one gets a number."""
    seen: Counter[str] = Counter()
    slugs: set[str] = set()
    for heading in re.findall(r"^#{1,6} +(.+?) *#*$", _FENCE.sub("", text), re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        slugs.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
        seen[slug] += 1
    return slugs


def _is_there(path: str) -> bool:
    place = path.rstrip("/") or "."
    return place in known_places() or is_ignored(path)


def _resolve(document: str, target: str) -> str:
    """The path from the root that `target` means in `document`."""
    if target.startswith("/"):
        return target.lstrip("/")
    parts: list[str] = []
    for part in (PurePosixPath(document).parent / target).parts:
        if part == ".." and parts:
            parts.pop()
        else:
            parts.append(part)
    return "/".join(parts)


def find_dead_links(document: str, text: str) -> Iterator[str]:
    """Relative links whose file or heading is not there."""
    for target in _LINK.findall(_FENCE.sub("", text)):
        if re.match(r"[a-z][a-z0-9+.-]*:", target):
            continue
        name, _, anchor = target.partition("#")
        path = _resolve(document, name) if name else document
        if path != document and not _is_there(path):
            yield f"{document}: {target} is not there"
        elif anchor and path.endswith(".md"):
            headings = text if path == document else (read_text(path) or "")
            if anchor not in _slugs(headings):
                yield f"{document}: {target}: no such heading"


def find_dead_paths(document: str, text: str) -> Iterator[str]:
    """Paths of the repository written as code that are not there."""
    for path in _PATH.findall(text):
        beside = _resolve(document, path)
        if not _is_there(path) and not _is_there(beside):
            yield f"{document}: {path} is not there"


def find_make_targets(text: str) -> set[str]:
    """The targets of `make` that a document's code names."""
    code = [block[0] for block in _FENCE.finditer(text)]
    code += re.findall(r"`([^`\n]+)`", _FENCE.sub("", text))
    return {target for piece in code for target in re.findall(r"\bmake ([a-z][\w-]*)", piece)}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_document__of_every_project__is_there_and_says_something(document: str) -> None:
    assert (ROOT / document).is_file()
    assert len((ROOT / document).read_text(encoding="utf-8")) > 200


def test_documents__relative_links__lead_somewhere() -> None:
    dead = [finding for path, text in _markdown() for finding in find_dead_links(path, text)]
    assert not dead, "\n" + "\n".join(dead)


def test_documents__paths_written_as_code__are_there() -> None:
    dead = [
        finding
        for path, text in _markdown()
        if path != "CHANGELOG.md"  # it may name what has gone
        for finding in find_dead_paths(path, text)
    ]
    assert not dead, "\n" + "\n".join(dead)


def test_source__documents_and_vectors_it_names__are_there() -> None:
    folders = r"(?:docs/(?:decisions|guides|reference)|vectors|tests|models)"
    pattern = re.compile(rf"(?<![\w/])({folders}/[\w./-]+\.(?:md|json|py))\b")
    dead = sorted(
        {
            f"{file.path}: {path}"
            for file in python_files("src/", "models/", "scripts/", "bench/")
            for path in pattern.findall(file.text)
            if not _is_there(path)
        }
    )
    assert not dead, "\n" + "\n".join(dead)


def test_documents__make_targets__are_in_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-zA-Z][\w-]*)\s*:(?!=)", makefile, re.MULTILINE))
    missing = [
        f"{path}: make {target}"
        for path, text in _markdown()
        for target in sorted(find_make_targets(text) - targets)
    ]
    assert not missing, "\n" + "\n".join(missing)


def test_changelog__any_time__has_an_unreleased_section() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(r"^## \[?Unreleased\]?", text, re.MULTILINE)


def _glossary_terms() -> list[str]:
    """Terms stand in bold or as code at the start of a line, a table row or a list item."""
    text = (ROOT / "docs/glossary.md").read_text(encoding="utf-8")
    starts = re.findall(r"^(?:#{2,4} +|[|*-] *)?(?:\*\*|`)([^*`]+)(?:\*\*|`)", text, re.MULTILINE)
    return [term.strip().lower() for start in starts for term in start.split(",")]


def test_glossary__words_of_the_story_and_unit_suffixes__are_defined() -> None:
    assert sorted(set(TERMS) - set(_glossary_terms())) == []


def test_glossary__each_term__is_defined_once() -> None:
    terms = _glossary_terms()
    assert sorted({term for term in terms if terms.count(term) > 1}) == []


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("[there](README.md)", None),
        ("[there](vectors)", None),
        ("[up](../README.md)", "../README.md is not there"),
        ("[gone](docs/nowhere.md)", "docs/nowhere.md is not there"),
        ("[web](https://example.org/x)", None),
        ("# One Thing\n[here](#one-thing)", None),
        ("# One `Thing`, said\n[here](#one-thing-said)", None),
        ("# Twice\n# Twice\n[here](#twice-1)", None),
        ("[here](#nothing)", "#nothing: no such heading"),
        ("```\n[gone](nowhere.md)\n```", None),
        ("![image](nowhere.png)", "nowhere.png is not there"),
    ],
)
def test_find_dead_links__each_kind__is_told_apart(text: str, finding: str | None) -> None:
    expected = [] if finding is None else [f"NEW.md: {finding}"]
    assert list(find_dead_links("NEW.md", text)) == expected


def test_find_dead_paths__code_that_is_no_path__is_left_alone() -> None:
    text = "`src/basis/rules/`, `src/nowhere.py`, `a/b`, `tests/unit`, `GONE.md`, `vectors/<x>`"
    assert list(find_dead_paths("NEW.md", text)) == [
        "NEW.md: src/nowhere.py is not there",
        "NEW.md: GONE.md is not there",
    ]


def test_find_make_targets__prose__names_none() -> None:
    text = "We make sure: `make test`, or\n```sh\nmake demo\nmake up PORT=1\n```\n"
    assert find_make_targets(text) == {"test", "demo", "up"}


def test_root__of_these_tests__is_the_repository() -> None:
    assert Path(ROOT, "pyproject.toml").is_file()
