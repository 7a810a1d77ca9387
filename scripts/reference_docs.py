"""Writes docs/reference/settings.md and docs/reference/cli.md from the code.

`make docs` calls it; `--check` only says whether the committed files are up to date. What it writes
depends on the code alone: not on the terminal, the working directory or the environment.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_type_hints

import msgspec

from basis.config import Settings, settings_fields
from basis.limits import describe_allowed

ROOT = Path(__file__).parents[1]
SETTINGS_PAGE = ROOT / "docs/reference/settings.md"
CLI_PAGE = ROOT / "docs/reference/cli.md"

_WRITTEN = "<!-- Written by scripts/reference_docs.py: change the code, then run `make docs`. -->"

_SETTINGS_INTRO = """\
# Settings

{written}

The orchestrator reads `basis.toml` in its working directory, or the file named by `--config`, and
lays the environment over it: `BASIS_<SECTION>_<FIELD>` overrides `field` under `[section]`. Unknown
names in the file and unusable values are all reported at once, each with what is allowed and where
it was written, and nothing starts. `basis settings show` prints what is in force. A worker has no
settings file: its choices are options of `basis worker run`, in [the command line](cli.md).
"""

_CLI_INTRO = """\
# Command line

{written}

Data goes to stdout, talk to stderr. The settings that `--config` reads are in
[the settings](settings.md).
"""


def main() -> int:
    """Writes both pages; with --check, 1 if one of them is not what the code says."""
    parser = argparse.ArgumentParser(description="Write the reference pages from the code.")
    parser.add_argument("--check", action="store_true", help="write nothing, compare only")
    is_check = parser.parse_args().check
    stale = 0
    for page, text in ((SETTINGS_PAGE, render_settings()), (CLI_PAGE, render_cli())):
        if page.is_file() and page.read_text(encoding="utf-8") == text:
            continue
        stale += 1
        name = page.relative_to(ROOT)
        if is_check:
            sys.stderr.write(f"{name} is not what the code says: run `make docs`\n")
        else:
            page.parent.mkdir(parents=True, exist_ok=True)
            page.write_text(text, encoding="utf-8")
            sys.stderr.write(f"wrote {name}\n")
    return 1 if is_check and stale else 0


# --- settings --------------------------------------------------------------------------------


def settings_names() -> list[tuple[str, str]]:
    """Every (section, field) of the settings, in the order of the code."""
    return [(section, field) for section, field, _annotation in settings_fields()]


def environment_name(section: str, field: str) -> str:
    """The variable that overrides a setting."""
    return f"BASIS_{section}_{field}".upper()


def render_settings() -> str:
    """The page of every setting: name, variable, what is allowed, default and meaning."""
    parts = [_SETTINGS_INTRO.format(written=_WRITTEN)]
    for section, table in get_type_hints(Settings).items():
        parts.append(f"## [{section}]\n\n{_paragraphs(inspect.getdoc(table) or '')}\n")
        rows = ["| setting | environment | allowed | default | meaning |", "|---|---|---|---|---|"]
        meanings = _field_docs(table)
        defaults = _defaults(table)
        for field, kind in get_type_hints(table, include_extras=True).items():
            rows.append(
                f"| `{field}` | `{environment_name(section, field)}` | {describe_allowed(kind)} "
                f"| {_default_text(defaults, field)} | {_cell(meanings.get(field, ''))} |"
            )
        parts.append("\n".join(rows) + "\n")
    return "\n".join(parts)


def _field_docs(table: type) -> dict[str, str]:
    """The string that stands below each field in the source."""
    body = ast.parse(textwrap.dedent(inspect.getsource(table))).body[0]
    if not isinstance(body, ast.ClassDef):
        raise TypeError(f"{table.__name__} is no class")
    docs: dict[str, str] = {}
    for field, below in zip(body.body, body.body[1:], strict=False):
        if not isinstance(field, ast.AnnAssign) or not isinstance(field.target, ast.Name):
            continue
        if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
            docs[field.target.id] = inspect.cleandoc(str(below.value.value))
    return docs


def _defaults(table: type) -> dict[str, object]:
    """The default of every field that has one."""
    return {
        field.name: field.default
        for field in msgspec.structs.fields(table)
        if field.default is not msgspec.NODEFAULT
    }


def _default_text(defaults: dict[str, object], field: str) -> str:
    if field not in defaults:
        return "must be set"
    value = defaults[field]
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f'`"{value}"`' if isinstance(value, str) else f"`{value}`"


# --- command line ----------------------------------------------------------------------------


def walk_commands() -> Iterator[tuple[str, Any, Any]]:
    """(full name, command, context) of every visible command, groups before their members."""
    import typer  # here, because settings alone need no command line

    from basis.cli.main import app

    yield from _walk("basis", typer.main.get_command(app), None)


def _walk(name: str, command: Any, parent: Any) -> Iterator[tuple[str, Any, Any]]:
    # A context inherits from its parent, for example how help is asked for.
    context = command.make_context(name, [], parent=parent, resilient_parsing=True)
    yield name, command, context
    for part, member in getattr(command, "commands", {}).items():
        if not member.hidden:
            yield from _walk(f"{name} {part}", member, context)


def render_cli() -> str:
    """The page of every command: usage, what it does, arguments and options as in --help."""
    parts = [_CLI_INTRO.format(written=_WRITTEN)]
    for name, command, context in walk_commands():
        usage = " ".join((name, *command.collect_usage_pieces(context)))
        parts.append(f"## `{name}`\n\n```console\n$ {usage}\n```\n")
        prose = (text for text in (command.help, command.epilog) if text)
        parts.extend(_paragraphs(text) + "\n" for text in prose)
        members = getattr(command, "commands", {})
        if members:
            parts.append(_member_table(name, members))
        parameters = _parameter_table(command, context)
        if parameters:
            parts.append(parameters)
    return "\n".join(parts)


def _member_table(name: str, members: dict[str, Any]) -> str:
    rows = ["| command | what it does |", "|---|---|"]
    rows += [
        f"| [`{name} {part}`](#{f'{name} {part}'.replace(' ', '-')}) "
        f"| {_cell(member.get_short_help_str(limit=200))} |"
        for part, member in members.items()
        if not member.hidden
    ]
    return "\n".join(rows) + "\n"


def _parameter_table(command: Any, context: Any) -> str:
    rows = ["| argument or option | meaning |", "|---|---|"]
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None:
            spelling, meaning = record
            rows.append(f"| `{_cell(spelling)}` | {_cell(meaning)} |")
    return "\n".join(rows) + "\n" if len(rows) > 2 else ""


# --- text ------------------------------------------------------------------------------------


def _paragraphs(text: str) -> str:
    """`text` with its paragraphs kept, and those that are laid out by hand kept as they are."""
    blocks: list[str] = []
    for block in inspect.cleandoc(text.replace("\f", "")).split("\n\n"):
        if block.startswith("\b"):
            blocks.append("```text\n" + block.removeprefix("\b").strip("\n") + "\n```")
        else:
            blocks.append(block.strip("\n"))
    return "\n\n".join(block for block in blocks if block)


def _cell(text: str) -> str:
    """`text` on one line, with no border of its own."""
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    sys.exit(main())
