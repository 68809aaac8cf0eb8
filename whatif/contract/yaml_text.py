"""YAML text to plain values: keys stay text, repeated keys are errors, `off` is not false."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from whatif.base.errors import Problem, UsageError

_WHY = "nothing in it can be trusted until it can be read."
_BOOLEAN = re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$")
_INTEGER = re.compile(r"^[-+]?(?:0|[1-9][0-9]*)$")
_NUMBER = re.compile(r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$")
_LEADING_ZERO = re.compile(r"^[-+]?0[0-9]+$")
_REPLACED = ("tag:yaml.org,2002:bool", "tag:yaml.org,2002:int", "tag:yaml.org,2002:float")


class _Loader(yaml.SafeLoader):
    """Safe YAML with the scalars of YAML 1.2: ``on``, ``off``, ``yes``, ``no`` are text."""

    repeated: list[str]

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002  (signature of the parent)
        seen: set[str] = set()
        for key_node, _ in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(
                    None, None, "a key must be a single word or text", key_node.start_mark
                )
            if key_node.value in seen:
                self.repeated.append(f"{key_node.value!r} (line {key_node.start_mark.line + 1})")
            seen.add(key_node.value)
        self.flatten_mapping(node)
        return {key.value: self.construct_object(value, deep=deep) for key, value in node.value}


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in _REPLACED]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(_REPLACED[0], _BOOLEAN, list("tTfF"))
_Loader.add_implicit_resolver("tag:yaml.org,2002:str", _LEADING_ZERO, list("-+0"))
_Loader.add_implicit_resolver(_REPLACED[1], _INTEGER, list("-+0123456789"))
_Loader.add_implicit_resolver(_REPLACED[2], _NUMBER, list("-+.0123456789"))


def parse_mapping(text: str, *, name: str) -> dict[str, Any]:
    """Return the one mapping that `text` holds.

    Parameters
    ----------
    text : str
        YAML, one document.
    name : str
        What to call the text in errors, e.g. the file's name.

    Raises
    ------
    UsageError
        If the text is not YAML, holds no mapping, or repeats a key.

    Examples
    --------
    >>> parse_mapping("decision: {on: 2026-12-15, control: off}", name="x")["decision"]["control"]
    'off'
    """
    loader = _Loader(text)
    loader.repeated = []
    try:
        value = loader.get_single_data()
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UsageError(
            Problem(what=f"{name} is not valid YAML: {_place(error)}.", why=_WHY, fix=_fix(error))
        ) from None
    finally:
        loader.dispose()
    if loader.repeated:
        raise UsageError(
            *(
                Problem(
                    what=f"{name} gives the key {key} twice.",
                    why="only one of the two values can be meant, and which one is not known.",
                    fix="keep one of them.",
                )
                for key in loader.repeated
            )
        )
    if not isinstance(value, dict):
        found = "nothing" if value is None else f"a {type(value).__name__}"
        raise UsageError(
            Problem(
                what=f"{name} should hold `key: value` lines but holds {found}.",
                why=_WHY,
                fix="start the file with a key, for example `study: my-question`.",
            )
        )
    return value


def read_mapping(path: Path) -> dict[str, Any]:
    """Return the mapping in the YAML file `path`; see `parse_mapping`.

    Raises
    ------
    UsageError
        If the file is missing, unreadable, not YAML, no mapping, or repeats a key.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        what, fix = f"There is no file {str(path)!r}.", "check the path."
    except (OSError, UnicodeDecodeError) as error:
        what = f"{str(path)!r} cannot be read as text ({type(error).__name__})."
        fix = "give a text file in UTF-8 that you may read."
    else:
        return parse_mapping(text, name=path.name)
    raise UsageError(Problem(what=what, why="there is nothing to follow.", fix=fix))


def _place(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    said = getattr(error, "problem", None) or "it cannot be parsed"
    return said if mark is None else f"{said} (line {mark.line + 1}, column {mark.column + 1})"


def _fix(error: Exception) -> str:
    if "\t" in str(getattr(error, "problem", "")):
        return "indent with spaces, not tabs."
    return "check the indentation, quotes and brackets at that place."
