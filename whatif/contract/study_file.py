"""The study file, or the same keys given in Python, as a `StudySpec` that can be followed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from whatif.base.errors import Problem, UsageError
from whatif.contract.plain_errors import Finding, dotted, findings
from whatif.contract.spec import StudySpec, ValueSpec
from whatif.contract.study_rules import check_rules
from whatif.contract.yaml_text import read_mapping

NOT_YET = {
    "bins": "bins for numeric segments",
}
_FRAME_SOURCE = "a frame in memory"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedStudy:
    """A study file as read.

    Attributes
    ----------
    spec : StudySpec
        What the file declares, defaults filled in.
    path : Path
        The file.
    folder : Path
        Its folder; paths inside the file are relative to it.
    """

    spec: StudySpec
    path: Path
    folder: Path


def load_study(path: Path | str) -> LoadedStudy:
    """Read a study file, or the ``study.yaml`` of a study folder.

    Parameters
    ----------
    path : Path or str
        A YAML file, or a folder that holds ``study.yaml``.

    Raises
    ------
    UsageError
        If the file is missing or is not YAML, or with every unknown key, missing key, wrong type
        and broken rule at once.
    """
    file = Path(path)
    if file.is_dir():
        file = file / "study.yaml"
    spec = study_from_mapping(read_mapping(file), name=file.name)
    return LoadedStudy(spec=spec, path=file, folder=file.parent)


def study_from_mapping(
    mapping: Mapping[str, Any], *, name: str = "The study", on_frame: bool = False
) -> StudySpec:
    """Return the study that `mapping` declares; keys and values are those of the study file.

    Parameters
    ----------
    mapping : mapping
        Keys and plain values, nested as in the study file.
    name : str
        What to call the study in errors.
    on_frame : bool
        Whether a frame supplies the rows; then `study`, `data` and `data.source` may be left out.

    Raises
    ------
    UsageError
        With every unknown key, missing key, wrong type and broken rule at once.

    Examples
    --------
    >>> study_from_mapping({"study": "mail", "data": {"source": "mail.csv"},
    ...     "treatment": {"column": "sent", "control": 0},
    ...     "outcomes": [{"column": "visit"}]}).design.kind
    'observational'
    """
    given, problems = _prepared(mapping, on_frame=on_frame)
    try:
        spec = StudySpec.model_validate(given)
    except ValidationError as error:
        found = findings(error, StudySpec)
        problems += [f.problem for f in found]
        repaired = _without(given, [f.at for f in found])
        if repaired is not None:
            broken = [f.at for f in found]
            later = [f for f in check_rules(repaired) if not _touches(f, broken)]
            problems += [f.problem for f in later]
    else:
        problems += [f.problem for f in check_rules(spec)]
        if not problems:
            return spec
    raise UsageError(*(Problem(what=f"{name}: {p.what}", why=p.why, fix=p.fix) for p in problems))


def _prepared(
    mapping: Mapping[str, Any], *, on_frame: bool
) -> tuple[dict[str, Any], list[Problem]]:
    """Set aside keys of later versions; accept flat money, and frames without `data`."""
    given = {k: v for k, v in mapping.items() if k not in NOT_YET}
    later = [k for k in mapping if k in NOT_YET and mapping[k] not in (None, [], {}, ())]
    problems = [_not_yet(key, NOT_YET[key]) for key in later]
    if isinstance(given.get("value"), dict):
        given["value"] = _nested_value(given["value"], given.get("outcomes"))
    if on_frame:
        given.setdefault("study", "study")
        if isinstance(given.get("data"), dict):
            given["data"] = {"source": _FRAME_SOURCE, **given["data"]}
    elif "data" not in given:
        problems.append(_missing_data())
    return given, problems


def _not_yet(key: str, words: str) -> Problem:
    return Problem(
        what=f"{key} is a known key, but {words} is not available in this version.",
        why="the run would ignore what you asked for.",
        fix="delete the key for now.",
    )


def _missing_data() -> Problem:
    return Problem(
        what="data is missing.",
        why="there is nothing to read the rows from.",
        fix="add `data: {source: FILE}`.",
    )


def _nested_value(value: dict[str, Any], outcomes: object) -> dict[str, Any]:
    columns = {
        o["column"]
        for o in (outcomes if isinstance(outcomes, list | tuple) else ())
        if isinstance(o, dict) and isinstance(o.get("column"), str)
    } - set(ValueSpec.model_fields)
    flat = {k: v for k, v in value.items() if k in columns}
    if not flat or not isinstance(value.get("per", {}), dict):
        return value
    rest = {k: v for k, v in value.items() if k not in flat}
    return {**rest, "per": {**flat, **value.get("per", {})}}


def _without(given: dict[str, Any], broken: list[tuple[str | int, ...]]) -> StudySpec | None:
    """Return the study without its broken places, or None when they are required."""
    try:
        return StudySpec.model_validate(_pruned(given, (), set(broken)))
    except ValidationError:
        return None


def _pruned(value: Any, at: tuple[str | int, ...], broken: set[tuple[str | int, ...]]) -> Any:  # noqa: ANN401  (any YAML value)
    if isinstance(value, Mapping):
        return {k: _pruned(v, (*at, k), broken) for k, v in value.items() if (*at, k) not in broken}
    if isinstance(value, list | tuple):
        return [_pruned(v, (*at, i), broken) for i, v in enumerate(value) if (*at, i) not in broken]
    return value


def _touches(found: Finding, broken: list[tuple[str | int, ...]]) -> bool:
    name = f"{dotted(found.at)}."
    others = [f"{dotted(place)}." for place in broken]
    return any(name.startswith(other) or other.startswith(name) for other in others)
