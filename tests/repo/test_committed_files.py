"""What may be committed: pinned and hashed requirements, no addresses, no paths of a machine."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from repo_files import ROOT, read_text, text_files, tracked_paths

UNHASHED = "requirements/torch.txt"
"""PyTorch's version is pinned, its build is the machine's choice; no other target installs it."""

LOCKED = [
    path
    for path in tracked_paths()
    if re.fullmatch(r"requirements/[\w-]+\.txt", path) and path != UNHASHED
]
HOMES = re.compile(r"(?<![\w.~-])/(?:home|Users|root)/[\w.][\w.-]*")


def find_machine_paths(text: str, *, checkout: Path) -> Iterator[str]:
    """Absolute paths of a home folder or of this checkout."""
    yield from HOMES.findall(text)
    if len(checkout.parts) > 2 and re.search(rf"{re.escape(str(checkout))}(?![\w-])", text):
        yield str(checkout)


def test_committed_files__any__hold_no_path_of_a_machine() -> None:
    found = [
        f"{path}: {place}"
        for path, text in text_files()
        if path != "tests/repo/test_committed_files.py"  # its examples
        for place in find_machine_paths(text, checkout=ROOT)
    ]
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("/home/alice/basis", ["/home/alice"]),
        ("file:///Users/bob", ["/Users/bob"]),
        ("in /root/.cache", ["/root/.cache"]),
        ("see /srv/checkouts/basis/src", ["/srv/checkouts/basis"]),
        ("see /srv/checkouts/basis-tiny", []),
        ("https://example.org/home/page", []),
        ("~/.basis/worker, /etc/basis.toml, /usr/share", []),
    ],
)
def test_find_machine_paths__each_kind__is_told_apart(text: str, places: list[str]) -> None:
    assert list(find_machine_paths(text, checkout=Path("/srv/checkouts/basis"))) == places


def test_requirements__for_each_role__are_locked() -> None:
    assert {"requirements/dev.txt", "requirements/server.txt", "requirements/worker.txt"} <= set(
        LOCKED
    )


@pytest.mark.parametrize("path", LOCKED)
def test_requirements__each_line__is_pinned_and_hashed(path: str) -> None:
    logical = re.sub(r"\\\n", " ", read_text(path) or "")
    lines = [line for line in logical.splitlines() if line.strip() and line.lstrip()[0] != "#"]
    loose = [
        line[:60]
        for line in lines
        if not re.match(r"[\w.\[\]-]+==[\w.+!]+( ; .*?)?(\s+--hash=sha256:[0-9a-f]{64})+\s*$", line)
    ]
    assert lines
    assert not loose


@pytest.mark.parametrize("path", [path for path in tracked_paths() if path.startswith("requir")])
def test_requirements__any__hold_no_address(path: str) -> None:
    text = read_text(path) or ""
    assert not re.findall(r"\w+://\S+|^-{1,2}(?:index-url|extra-index-url|i|f)\b.*", text)


def test_requirements__every_direct_dependency__is_locked_for_development() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    wanted = {re.match(r"[\w.-]+", line)[0].lower() for group in groups for line in group}
    locked = set(re.findall(r"^([\w.-]+)==", read_text("requirements/dev.txt") or "", re.MULTILINE))
    wanted -= {"basis"}  # an extra that another one takes in
    assert wanted - {name.lower() for name in locked} == set()


def test_package_locks__any__hold_no_address() -> None:
    locks = [path for path in tracked_paths() if path.endswith("package-lock.json")]
    resolved = [
        f"{path}: {name}"
        for path in locks
        for name, package in json.loads(read_text(path) or "{}").get("packages", {}).items()
        if "://" in str(package.get("resolved", ""))
    ]
    assert not resolved
    assert not [path for path in tracked_paths() if path.endswith("uv.lock")]


def test_licence__of_the_project__is_apache_2() -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in text
    assert "Version 2.0" in text


def test_sdist__files_that_it_includes__are_there() -> None:
    build = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]
    included = build["build"]["targets"]["sdist"]["include"]
    assert [name for name in included if not (ROOT / name).exists()] == []
