"""What is wrong with a study file or a data schema, in words without the validator's own terms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from whatif.base.errors import Problem, did_you_mean

Path = tuple[str | int, ...]
_SHOWN = 60
_UNION_FORMS = {
    ("treatment", "control"): "one level: text, a number, or true/false",
    ("treatment", "arms", "*"): "one level: text, a number, or true/false",
    ("design", "probability"): (
        "{arm: chance, …}, {column: NAME}, {column: NAME, phases: {phase: {arm: chance, …}}} "
        "or the word estimated"
    ),
    ("value", "units_per_month"): "a number above 0, or the word auto",
    ("columns", "*", "levels", "*"): "one level: text, a number, or true/false",
}
_PATTERNS = {
    "study": "lower-case letters, digits and hyphens, such as mobile-expanded-options",
    "window": "a number of days, such as 28d",
    "maturity": "a number of days, such as 14d",
    "every": "a number of days, such as 7d",
    "freshness": "a number of days or hours, such as 7d or 36h",
}
_KINDS = (
    (("string",), "text"),
    (("int",), "a whole number"),
    (("float", "finite", "decimal"), "a number"),
    (("bool",), "true or false"),
    (("date",), "a date such as 2026-12-15"),
    (("tuple", "list"), "a list in square brackets"),
    (("dict", "model", "mapping"), "a block of `key: value` lines"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A problem and the place it stands at, as keys and list positions."""

    at: Path
    problem: Problem


def finding(at: Path, what: str, why: str, fix: str) -> Finding:
    """Return a problem at a place from its three sentences."""
    return Finding(at=at, problem=Problem(what=what, why=why, fix=fix))


def dotted(path: Sequence[str | int]) -> str:
    """Return `path` as a reader writes it.

    Examples
    --------
    >>> dotted(("outcomes", 0, "column"))
    'outcomes.0.column'
    """
    return ".".join(str(part) for part in path)


def findings(error: ValidationError, model: type[BaseModel]) -> list[Finding]:
    """Return one finding per place that `error` complains about, in file order.

    Parameters
    ----------
    error : ValidationError
        What the validator raised for `model`.
    model : type of BaseModel
        The outermost block; its fields supply the did-you-mean.
    """
    out: dict[Path, Finding] = {}
    details = error.errors(include_url=False)
    places = [tuple(detail["loc"]) for detail in details]
    for detail, path in zip(details, places, strict=True):
        if detail["type"] == "too_short" and any(p[: len(path)] == path != p for p in places):
            continue  # its items were refused one by one, which is why it looks short
        union = _union_place(path)
        at = path if union is None else path[: len(union)]
        if at in out:
            continue
        problem = (
            _union_problem(at, _UNION_FORMS[union], detail)
            if union is not None and (detail["type"] != "missing" or len(path) > len(at))
            else _problem(at, detail, model)
        )
        out[at] = Finding(at=at, problem=problem)
    return list(out.values())


def known_keys(model: type[BaseModel], path: Sequence[str | int]) -> list[str]:
    """Return the keys of the block at `path` below `model`; empty when it is no block.

    Examples
    --------
    >>> from whatif.contract.spec import StudySpec
    >>> known_keys(StudySpec, ("review",))
    ['required']
    """
    block: type[BaseModel] | None = model
    own_keys = False
    for part in path:
        if isinstance(part, int) or own_keys:
            own_keys = False
            continue
        field = None if block is None else block.model_fields.get(part)
        annotation = None if field is None else field.annotation
        block, own_keys = _block_in(annotation), get_origin(annotation) is dict
    return [] if block is None or own_keys else list(block.model_fields)


def _block_in(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = [_block_in(inner) for inner in get_args(annotation)]
    return next((block for block in found if block is not None), None)


def _union_place(path: Path) -> tuple[str, ...] | None:
    return next((place for place in _UNION_FORMS if _starts(path, place)), None)


def _starts(path: Path, place: tuple[str, ...]) -> bool:
    pairs = zip(path, place, strict=False)
    return len(path) >= len(place) and all(want in ("*", part) for part, want in pairs)


def _union_problem(at: Path, form: str, detail: Mapping[str, Any]) -> Problem:
    given = "" if isinstance(detail["input"], dict) else f", not {_show(detail['input'])}"
    return Problem(
        what=f"{dotted(at)} must be {form}{given}.",
        why="its meaning would be a guess.",
        fix="write one of these forms.",
    )


def _problem(at: Path, detail: Mapping[str, Any], model: type[BaseModel]) -> Problem:
    kind, name = str(detail["type"]), dotted(at)
    if kind == "extra_forbidden":
        keys = known_keys(model, at[:-1])
        return Problem(
            what=f"{name} is not a known key; {did_you_mean(str(at[-1]), keys)}",
            why="a key that is not understood would be ignored, and the answer would not say so.",
            fix="correct the spelling or delete the key.",
        )
    if kind == "missing":
        return Problem(
            what=f"{name} is missing.",
            why="it is required and has no sensible default.",
            fix=f"add `{at[-1]}:`.",
        )
    if kind == "value_error":
        return Problem(
            what=f"{name}: {detail['ctx']['error']}.",
            why="the two settings contradict each other.",
            fix="change one of them.",
        )
    return Problem(
        what=f"{name} must be {_wanted(kind, at, detail)}, not {_show(detail['input'])}.",
        why="its meaning would be a guess.",
        fix="correct the value, or delete the key to get its default.",
    )


def _wanted(kind: str, at: Path, detail: Mapping[str, Any]) -> str:
    ctx = detail.get("ctx", {})
    exact = {
        "greater_than": "above {gt}",
        "greater_than_equal": "at least {ge}",
        "less_than": "below {lt}",
        "less_than_equal": "at most {le}",
        "literal_error": "one of {expected}",
        "string_too_long": "at most {max_length} characters",
        "string_too_short": "text that is not empty",
        "too_short": "a list with at least {min_length} item(s)",
        "int_from_float": "a whole number",
    }
    if kind in exact:
        return exact[kind].format(**ctx)
    if kind == "string_pattern_mismatch":
        return _PATTERNS.get(str(at[-1]), "text of another form")
    return next((words for starts, words in _KINDS if kind.startswith(starts)), "another value")


def _show(value: object) -> str:
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "a block of `key: value` lines"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
