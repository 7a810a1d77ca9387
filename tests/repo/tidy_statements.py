"""Statements that the house style forbids, in any file of ours."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from repo_files import PythonFile

ENVIRONMENT_READERS = frozenset({"src/basis/config.py", "src/basis/worker/settings.py"})

_MUTABLE_CALLS = frozenset(
    {"list", "dict", "set", "bytearray", "defaultdict", "deque", "Counter", "OrderedDict"}
)
_MUTATORS = frozenset(
    {"add", "append", "clear", "discard", "extend", "insert", "pop", "popitem", "remove"}
    | {"setdefault", "update", "appendleft", "popleft"}
)
_BROAD = frozenset({"Exception", "BaseException"})
_MARKS = "|".join(("TO" + "DO", "FIX" + "ME", "X" + "XX", "HA" + "CK"))
_UNFINISHED = re.compile(rf"\b({_MARKS})\b")
_SILENCER = re.compile(r"(?P<tool>type:\s*ignore|pyright:\s*ignore|noqa)\b(?P<rest>.*)")
_WITH_CODE_AND_REASON = {
    "type": re.compile(r"\[[\w-]+(, ?[\w-]+)*\]\W+\w+\W+\w+"),
    "pyright": re.compile(r"\[\w+(, ?\w+)*\]\W+\w+\W+\w+"),
    "noqa": re.compile(r": ?[A-Z]+\d+(,? ?[A-Z]+\d+)*\W+\w+\W+\w+"),
}


def find_globals(file: PythonFile) -> Iterator[str]:
    """Every `global` statement."""
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Global):
            yield file.at(node, f"global {', '.join(node.names)}: pass it in instead")


def find_module_state(file: PythonFile) -> Iterator[str]:
    """Mutable values under a lower-case name of the module, and constants that a function changes.

    A heuristic: it knows literals, comprehensions and the usual constructors.
    """
    mutable: set[str] = set()
    for node in file.tree.body:
        if isinstance(node, ast.Assign):
            targets, value = node.targets, node.value
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            targets, value = [node.target], node.value
        else:
            continue
        for target in targets:
            if isinstance(target, ast.Name) and _is_mutable(value):
                mutable.add(target.id)
                if target.id != target.id.upper() and target.id != "__all__":
                    yield file.at(node, f"module-level mutable state: {target.id}")
    for node in ast.walk(file.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for name, where in _changed(node):
                if name in mutable:
                    yield file.at(where, f"{node.name} changes the module's {name}")


def _is_mutable(value: ast.expr) -> bool:
    if isinstance(value, ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp | ast.SetComp):
        return True
    if not isinstance(value, ast.Call):
        return False
    called = value.func
    name = called.id if isinstance(called, ast.Name) else getattr(called, "attr", "")
    return name in _MUTABLE_CALLS


def _changed(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[tuple[str, ast.AST]]:
    own = {argument.arg for argument in ast.walk(function) if isinstance(argument, ast.arg)}
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            own.add(node.id)
    for node in ast.walk(function):
        changed: ast.expr | None = None
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del):
            changed = node.value
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            changed = node.func.value if node.func.attr in _MUTATORS else None
        if isinstance(changed, ast.Name) and changed.id not in own:
            yield changed.id, node


def find_broad_excepts(file: PythonFile) -> Iterator[str]:
    """Bare excepts, and broad ones without a comment that says why.

    One that ends by raising again what it caught hides nothing, and needs no reason.
    """
    for node in ast.walk(file.tree):
        if not isinstance(node, ast.ExceptHandler):
            continue
        if node.type is None:
            yield file.at(node, "a bare except")
            continue
        last = node.body[-1]
        if isinstance(last, ast.Raise) and last.exc is None:
            continue
        caught = {name.id for name in ast.walk(node.type) if isinstance(name, ast.Name)}
        first = node.body[0].lineno
        lines = range(node.lineno - 1, max(first, node.lineno + 1))
        reasons = " ".join(file.comments.get(line, "") for line in lines)
        words = re.sub(r"noqa: ?[A-Z]+\d+(,? ?[A-Z]+\d+)*", "", reasons)
        if caught & _BROAD and len(re.findall(r"\w+", words)) < 3:
            yield file.at(node, "a broad except without its reason beside it")


def find_bare_ignores(file: PythonFile) -> Iterator[str]:
    """Comments that silence a checker without a code or without a reason.

    Lines that follow one another may share the first one's reason.
    """
    explained: dict[int, str] = {}
    for line, comment in sorted(file.comments.items()):
        silencer = _SILENCER.search(comment)
        if silencer is None:
            continue
        tool = re.split(r"\W", silencer["tool"])[0]
        has_reason = _WITH_CODE_AND_REASON[tool].match(silencer["rest"]) is not None
        if has_reason or explained.get(line - 1, "").startswith(silencer[0]):
            explained[line] = silencer[0] if has_reason else explained[line - 1]
        else:
            yield file.at(line, f"{comment!r} needs a code and a reason")


def find_unfinished(path: str, text: str) -> Iterator[str]:
    """Marks of unfinished work, in a text file of any kind."""
    for number, line in enumerate(text.splitlines(), start=1):
        for mark in _UNFINISHED.findall(line):
            yield f"{path}:{number}: {mark}: finish it or file it"


def find_environment_readers(file: PythonFile) -> Iterator[str]:
    """Reads of the process environment outside the settings."""
    if file.path in ENVIRONMENT_READERS:
        return
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            names = {node.attr} if node.value.id == "os" else set()
        elif isinstance(node, ast.ImportFrom) and node.module == "os":
            names = {alias.name for alias in node.names}
        else:
            continue
        for name in sorted(names & {"environ", "environb", "getenv", "getenvb", "putenv"}):
            yield file.at(node, f"os.{name}: settings are read in basis.config alone")


def find_prints(file: PythonFile) -> Iterator[str]:
    """Calls of print; the command line writes by its own console."""
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in {"print", "pprint"}:
            yield file.at(node, "print outside the command line: log an event")
