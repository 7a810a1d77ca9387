"""The reference pages say what the code says: every setting, every command and option."""

from __future__ import annotations

import importlib.util
import re
from types import ModuleType

import pytest
from repo_files import ROOT, python_files

SETTINGS_PAGE = ROOT / "docs/reference/settings.md"
CLI_PAGE = ROOT / "docs/reference/cli.md"


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    """scripts/reference_docs.py, which is part of no package."""
    spec = importlib.util.spec_from_file_location(
        "reference_docs", ROOT / "scripts/reference_docs.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_settings_page__committed__is_what_the_code_says(generator: ModuleType) -> None:
    assert SETTINGS_PAGE.is_file(), "run `make docs`"
    assert SETTINGS_PAGE.read_text(encoding="utf-8") == generator.render_settings()


def test_cli_page__committed__is_what_the_code_says(generator: ModuleType) -> None:
    assert CLI_PAGE.is_file(), "run `make docs`"
    assert CLI_PAGE.read_text(encoding="utf-8") == generator.render_cli()


def test_settings_page__variables__are_those_of_the_code_and_no_others(
    generator: ModuleType,
) -> None:
    variables = {generator.environment_name(*names) for names in generator.settings_names()}
    text = SETTINGS_PAGE.read_text(encoding="utf-8")
    assert set(re.findall(r"`(BASIS_[A-Z0-9_]+)`", text)) == variables


def test_cli_page__each_command__has_a_section_with_all_its_options(generator: ModuleType) -> None:
    sections = dict(
        re.findall(
            r"^## `([^`]+)`\n(.*?)(?=^## |\Z)",
            CLI_PAGE.read_text(encoding="utf-8"),
            re.MULTILINE | re.DOTALL,
        )
    )
    missing = [
        f"{name}: {option}"
        for name, command, context in generator.walk_commands()
        for parameter in command.get_params(context)
        if not getattr(parameter, "hidden", False)
        for option in (*parameter.opts, *parameter.secondary_opts)
        if option not in sections.get(name, "")
    ]
    assert not missing
    assert set(sections) == {name for name, _, _ in generator.walk_commands()}


def test_pages__terminal_and_environment__do_not_matter(
    generator: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = generator.render_settings(), generator.render_cli()
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("BASIS_SERVER_PORT", "1")
    monkeypatch.setenv("BASIS_ORCHESTRATOR", "http://127.0.0.1:1")
    assert (generator.render_settings(), generator.render_cli()) == pages


def test_source__variables_named_in_it__stand_in_the_reference() -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in (SETTINGS_PAGE, CLI_PAGE))
    named = {
        (file.path, variable)
        for file in python_files("src/")
        for variable in re.findall(r"[\"'](BASIS_[A-Z0-9_]*[A-Z0-9])[\"']", file.text)
    }
    assert not sorted(f"{path}: {name}" for path, name in named if name not in text)
