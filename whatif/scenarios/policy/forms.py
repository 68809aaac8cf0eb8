"""A rule as SQL, JSON and Python that machines run; all give every unit the same arm."""

from __future__ import annotations

import json
from typing import Any

from whatif.base.errors import Problem, UsageError
from whatif.effects.rows import Level
from whatif.scenarios.policy.rule import Bound, Condition, Gap, Rule, Same

SCHEMA = "policy.v1"
_SPACE = ord(" ")
_HEAD = '''def choose(row):
    """Return the arm of one unit; `row` maps columns to values, None and NaN being missing."""

    def gone(column):
        value = row[column]
        return value is None or type(value).__name__ == "NAType" or bool(value != value)
'''


def to_sql(rule: Rule) -> str:
    """Return the rule as a ``CASE`` expression of standard SQL; NULL is missing.

    Names and words are quoted with their quotes doubled.

    Raises
    ------
    UsageError
        If a name or word of the rule holds a backslash or a control character, which databases
        quote differently.

    Examples
    --------
    >>> from whatif.scenarios.policy.rule import Line
    >>> web = Same(column="it's", level="Web", same=True, or_missing=False)
    >>> print(to_sql(Rule(treatment="t", lines=(Line(when=(web,), give="b"),), otherwise="a")))
    CASE
      WHEN "it's" = 'Web' THEN 'b'
      ELSE 'a'
    END
    """
    if rule.for_everyone is not None:
        return _text(rule.for_everyone)
    lines = [
        f"  WHEN {' AND '.join(map(_sql, line.when))} THEN {_text(line.give)}"
        for line in rule.lines
    ]
    return "\n".join(["CASE", *lines, f"  ELSE {_text(rule.otherwise)}", "END"])


def _sql(condition: Condition) -> str:
    name = _name(condition.column)
    match condition:
        case Gap(missing=missing):
            return f"{name} IS {'' if missing else 'NOT '}NULL"
        case Bound(at=at, above=above, or_missing=missing):
            number = name if at.is_integer() else f"CAST({name} AS DOUBLE PRECISION)"
            test = f"{number} {'>' if above else '<='} {_number(at)}"
        case Same(level=level, same=same, or_missing=missing):
            test = f"{name} {'=' if same else '<>'} {_literal(level)}"
    return f"({test} OR {name} IS NULL)" if missing else test


def _name(text: str) -> str:
    return '"' + _quotable(text).replace('"', '""') + '"'


def _text(text: str) -> str:
    return "'" + _quotable(text).replace("'", "''") + "'"


def _literal(level: Level) -> str:
    if isinstance(level, str):
        return _text(level)
    if isinstance(level, bool):
        return "TRUE" if level else "FALSE"
    return _number(float(level))


def _number(value: float) -> str:
    return str(int(value)) if value.is_integer() else repr(value)


def _quotable(text: str) -> str:
    if "\\" in text or any(ord(letter) < _SPACE for letter in text):
        raise UsageError(
            Problem(
                what=f"{text!r} cannot be quoted alike in every database.",
                why="SQL that one database reads as text another may read as a command.",
                fix="use the JSON or Python form, or rename it without backslashes and breaks.",
            )
        )
    return text


def to_json(rule: Rule) -> str:
    """Return the rule as JSON, schema ``policy.v1``.

    ``lines`` are tried in turn; a unit gets what the first line gives whose tests all hold, else
    ``otherwise``. A test fails on a missing value unless it says ``or_missing``.
    """
    made = {
        "schema": SCHEMA,
        "treatment": rule.treatment,
        "lines": [{"when": [_test(one) for one in line.when], "give": line.give}
                  for line in rule.lines],
        "otherwise": rule.otherwise,
    }  # fmt: skip
    return json.dumps(made, indent=2, ensure_ascii=False, allow_nan=False)


def _test(condition: Condition) -> dict[str, Any]:
    match condition:
        case Gap(column=column, missing=missing):
            return {"column": column, "test": "missing" if missing else "not_missing"}
        case Bound(column=column, at=at, above=above, or_missing=or_missing):
            test = {"column": column, "test": "above" if above else "at_most", "value": at}
        case Same(column=column, level=level, same=same, or_missing=or_missing):
            test = {"column": column, "test": "is" if same else "is_not", "value": level}
    return test | {"or_missing": or_missing}


def to_python(rule: Rule) -> str:
    """Return the source of a function ``choose(row)`` that needs no import."""
    if rule.for_everyone is not None:
        return "\n".join([_HEAD, f"    return {rule.for_everyone!a}", ""])
    lines = [
        line
        for one in rule.lines
        for line in (
            f"    if {' and '.join(map(_python, one.when))}:",
            f"        return {one.give!a}",
        )
    ]
    return "\n".join([_HEAD, *lines, f"    return {rule.otherwise!a}", ""])


def _python(condition: Condition) -> str:
    column = ascii(condition.column)
    match condition:
        case Gap(missing=missing):
            return f"gone({column})" if missing else f"not gone({column})"
        case Bound(at=at, above=above, or_missing=missing):
            test = f"float(row[{column}]) {'>' if above else '<='} {at!r}"
        case Same(level=level, same=same, or_missing=missing):
            value = ascii(level) if isinstance(level, str) else repr(level)
            test = f"row[{column}] {'==' if same else '!='} {value}"
    if missing:
        return f"(gone({column}) or {test})"
    return f"not gone({column}) and {test}"
