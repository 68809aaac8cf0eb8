"""The house rules about code, each a function from a repository's folder to its violations.

`tests/test_architecture.py` runs them over this repository, and over small trees that break them.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

MAX_MODULE_LINES = 400
MAX_BODY_LINES = 40
MAX_DEPTH = 2

Function = ast.FunctionDef | ast.AsyncFunctionDef
Documented = Function | ast.ClassDef


@cache
def _parse(text: str) -> ast.Module:
    return ast.parse(text)


def modules(repo: Path, *folders: str) -> Iterator[tuple[str, str, ast.Module]]:
    """Yield name, text and syntax tree of every module under `folders` (default: the package)."""
    for folder in folders or ("whatif",):
        for path in sorted((repo / folder).rglob("*.py")):
            text = path.read_text(encoding="utf-8")
            yield path.relative_to(repo).as_posix(), text, _parse(text)


def pyproject(repo: Path) -> dict[str, Any]:
    """Return pyproject.toml as tables."""
    return tomllib.loads((repo / "pyproject.toml").read_text(encoding="utf-8"))


def modules_say_what_they_hold(repo: Path) -> list[str]:
    """Every module starts with a docstring."""
    return [
        f"{name}: no docstring says what lives here"
        for name, _, tree in modules(repo, "whatif", "tests")
        if not ast.get_docstring(tree)
    ]


def modules_are_short(repo: Path) -> list[str]:
    """No module is longer than one can hold in mind."""
    return [
        f"{name}: {text.count(chr(10))} lines, at most {MAX_MODULE_LINES}"
        for name, text, _ in modules(repo, "whatif", "tests")
        if text.count("\n") > MAX_MODULE_LINES
    ]


def _body_lines(function: Function) -> int:
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def functions_are_short(repo: Path) -> list[str]:
    """No function body is longer than a screen, its docstring aside."""
    return [
        f"{name}:{node.lineno} {node.name}: {_body_lines(node)} lines, at most {MAX_BODY_LINES}"
        for name, _, tree in modules(repo)
        for node in ast.walk(tree)
        if isinstance(node, Function) and _body_lines(node) > MAX_BODY_LINES
    ]


def _public(body: list[ast.stmt]) -> Iterator[Documented]:
    for node in body:
        if isinstance(node, Documented) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                yield from _public(node.body)


def public_names_are_documented(repo: Path) -> list[str]:
    """Every public function, class and method has a docstring (ruff checks its form)."""
    return [
        f"{name}:{node.lineno} {node.name}: no docstring"
        for name, _, tree in modules(repo)
        for node in _public(tree.body)
        if not ast.get_docstring(node)
    ]


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Call):
        return _name(node.func)
    if isinstance(node, ast.Subscript):
        return _name(node.value)
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _frozen(decorator: ast.expr) -> bool:
    return isinstance(decorator, ast.Call) and any(
        word.arg == "frozen" and isinstance(word.value, ast.Constant) and word.value.value is True
        for word in decorator.keywords
    )


def dataclasses_are_frozen(repo: Path) -> list[str]:
    """A record never changes after it was made."""
    return [
        f"{name}:{node.lineno} {node.name}: a dataclass that is not frozen"
        for name, _, tree in modules(repo)
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        for decorator in node.decorator_list
        if _name(decorator) == "dataclass" and not _frozen(decorator)
    ]


def inheritance_is_shallow(repo: Path) -> list[str]:
    """At most two levels of classes of our own; a foreign base does not count."""
    classes = {
        node.name: (name, node)
        for name, _, tree in modules(repo)
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    }

    def depth(name: str) -> int:
        bases = [_name(base) for base in classes[name][1].bases]
        return 1 + max(
            (depth(base) for base in bases if base in classes and base != name), default=0
        )

    return [
        f"{where}:{node.lineno} {name}: {depth(name)} levels of inheritance, at most {MAX_DEPTH}"
        for name, (where, node) in classes.items()
        if depth(name) > MAX_DEPTH
    ]


def attributes_are_real(repo: Path) -> list[str]:
    """Nothing answers to names that no reader and no type checker can see."""
    return [
        f"{name}:{node.lineno} defines {node.name}"
        for name, _, tree in modules(repo)
        for node in ast.walk(tree)
        if isinstance(node, Function) and node.name in {"__getattr__", "__getattribute__"}
    ]


def imported(tree: ast.Module) -> set[str]:
    """Return the top-level names of the libraries a module imports, at any depth of its code."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
    return names - sys.stdlib_module_names - {"whatif", "tests"}


def caught(tree: ast.Module) -> set[str]:
    """Return the libraries a module imports where it catches an ImportError."""
    tries = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Try)
        and any(
            getattr(name, "id", "") == "ImportError"
            for one in node.handlers
            for name in getattr(one.type, "elts", [one.type])
        )
    ]
    return {name for node in tries for name in imported(ast.Module(node.body, []))}


def _plain(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()


def requirements(lines: list[str]) -> set[str]:
    """Return the names in requirement lines such as ``econml>=0.16``, spelled alike."""
    return {_plain(re.split(r"[^\w.-]", line)[0]) for line in lines}


def imports_are_declared(repo: Path) -> list[str]:
    """What the package imports stands in its dependencies, not only in those of another.

    A library of an extra may be imported where its absence is caught.
    """
    project = pyproject(repo)["project"]
    declared = requirements(project["dependencies"])
    optional = project.get("optional-dependencies", {})
    extra = set().union(*(requirements(optional[name]) for name in optional.keys() - {"dev"}))
    owners = packages_distributions()
    return [
        f"{name}: imports {library}, which pyproject.toml does not declare"
        for name, _, tree in modules(repo)
        for library in sorted(imported(tree))
        if not (declared | (extra if library in caught(tree) else set()))
        & {_plain(owner) for owner in owners.get(library, [library])}
    ]


def rooms(repo: Path) -> list[tuple[str, str, str]]:
    """Return the rows of the table of rooms: room, what it takes and returns, its libraries."""
    page = (repo / "whatif/ARCHITECTURE.md").read_text(encoding="utf-8")
    table = page.partition("\n## Rooms\n")[2].partition("\n## ")[0]
    rows = [line.strip()[1:-1].split("|") for line in table.splitlines() if line.startswith("| `")]
    return [(a.strip("` ").removesuffix("/").removesuffix(".py"), b, c) for a, b, c in rows]


def _room(module: str) -> str:
    return module.split("/")[1].removesuffix(".py")


def rooms_are_the_same_everywhere(repo: Path) -> list[str]:
    """Folders, the table of rooms and the layers of the import linter list the same rooms."""
    contracts = pyproject(repo)["tool"]["importlinter"]["contracts"]
    layers = next(c["layers"] for c in contracts if c["type"] == "layers")
    table = [room for room, _, _ in rooms(repo)]
    found = {_room(name) for name, _, _ in modules(repo)} - {"__init__", "__main__"}
    problems = []
    if table != layers[::-1]:
        problems.append(f"ARCHITECTURE.md lists {table}, the import linter {layers[::-1]}")
    problems += [f"{room}: a room that ARCHITECTURE.md does not list" for room in found - {*table}]
    problems += [f"{room}: listed in ARCHITECTURE.md, not there" for room in {*table} - found]
    return sorted(problems)


def records_live_in_their_room(repo: Path) -> list[str]:
    """Records that the table of rooms names are classes of that room."""
    classes = {
        (_room(name), node.name)
        for name, _, tree in modules(repo)
        for node in tree.body
        if isinstance(node, ast.ClassDef)
    }
    return [
        f"{room}: ARCHITECTURE.md names {record}, which is no class there"
        for room, records, _ in rooms(repo)
        for record in re.findall(r"`([A-Z]\w+)`", records)
        if (room, record) not in classes
    ]


def libraries_stay_in_their_rooms(repo: Path) -> list[str]:
    """A library that the table of rooms names is imported only by rooms that name it."""
    homes: dict[str, set[str]] = {}
    for room, _, libraries in rooms(repo):
        for library in re.findall(r"`(\w+)`", libraries):
            homes.setdefault(library, set()).add(room)
    return [
        f"{name}: imports {library}, which belongs to {', '.join(sorted(homes[library]))}"
        for name, _, tree in modules(repo)
        for library in sorted(imported(tree) & homes.keys())
        if _room(name) not in homes[library]
    ]
