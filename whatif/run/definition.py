"""What differs between the study files and versions of two runs, and which of it moves scores."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from whatif.contract.spec import OutcomeSpec, StudySpec

Json = Mapping[str, Any]

_TRIMMED = frozenset({"overlap.low", "overlap.high"})
_BOTH = frozenset(
    {"unit", "assigned", "time", "window", "treatment.column", "treatment.arms", "overlap.rule"}
)
_COUNTED = frozenset({"data.where", "maturity"})
_SCORED = frozenset(
    {"cluster", "treatment.control", "design.kind", "design.probability", "covariates", "graph"}
    | {"data.contract", "segments", "target", "weights", "learners", "repetitions", "folds", "seed"}
)
_RANGED = frozenset({"level", "decision.on", "decision.looks", "decision.start", "decision.every"})
_CHECKED = frozenset(
    {"assignment_log", "first_exposure", "bots", "events", "estimators"}
    | {"negative_controls", *_TRIMMED}
)
_BLOCKS = ("data", "treatment", "design", "overlap", "decision", "value", "schedule", "review")
_OUTCOME = re.compile(r"(outcomes\..*)\.column")


@dataclass(frozen=True, slots=True, kw_only=True)
class Differing:
    """One key of the study file, or one package, with what it was and is.

    Attributes
    ----------
    key : str
        As in the study file, e.g. ``"data.where"``.
    before, now : object
        Both values.
    """

    key: str
    before: object
    now: object


@dataclass(frozen=True, slots=True, kw_only=True)
class Definitions:
    """What two runs were asked for, compared.

    Attributes
    ----------
    moving, ranges, checks, other : tuple of Differing
        Keys that differ and can move the estimate; of the rest, those that move ranges, those that
        only checks and second opinions read, and those that move nothing of these.
    counts, scores : bool
        Whether a key differs that decides which units count, and one that decides their scores.
    versions : tuple of Differing
        Packages in another version.
    code : bool
        Whether the code or a package differs.
    source : bool
        Whether the data were read from somewhere else.
    data : bool
        Whether the data differ, or the day up to which they were read.
    """

    moving: tuple[Differing, ...]
    ranges: tuple[Differing, ...]
    checks: tuple[Differing, ...]
    other: tuple[Differing, ...]
    counts: bool
    scores: bool
    versions: tuple[Differing, ...]
    code: bool
    source: bool
    data: bool

    @property
    def any(self) -> bool:
        """Whether anything differs."""
        keys = self.moving or self.ranges or self.checks or self.other
        return bool(keys) or self.code or self.source or self.data


def compare(before: tuple[StudySpec, Json, Json], now: tuple[StudySpec, Json, Json]) -> Definitions:
    """Compare what two runs were asked for.

    Parameters
    ----------
    before, now : (StudySpec, manifest, answer)
        Of the older and the newer run.
    """
    (older, then, said_then), (newer, today, said_now) = before, now
    source = then["data"].get("source") != today["data"].get("source")
    keys = _keys(older, newer, source=source)
    edges = [
        {key: said["estimand"][key] for key in ("edges", "adjustment")}
        for said in (said_then, said_now)
    ]
    drawn = not {"graph", "covariates"} & {one.key for one in keys} and edges[0] != edges[1]
    if drawn:  # the same file name, another graph in it
        keys.append(Differing(key="graph", before=edges[0], now=edges[1]))
    names = {one.key for one in keys}
    trimmed = _trimmed(older, newer)
    counts = names & (_COUNTED | _BOTH | trimmed) | {n for n in names if _OUTCOME.fullmatch(n)}
    scores = names & (_SCORED | _BOTH | trimmed | _primary_kinds(newer))
    moving = counts | scores
    ranged, checked = _RANGED - moving, _CHECKED - moving
    versions = tuple(_differing(then["versions"], today["versions"]))
    return Definitions(
        moving=tuple(one for one in keys if one.key in moving),
        ranges=tuple(one for one in keys if one.key in ranged),
        checks=tuple(one for one in keys if one.key in checked),
        other=tuple(one for one in keys if one.key not in moving | ranged | checked),
        counts=bool(counts),
        scores=bool(scores),
        versions=versions,
        code=then["code"] != today["code"] or bool(versions),
        source=source,
        data=_rows(then) != _rows(today),
    )


def _keys(older: StudySpec, newer: StudySpec, *, source: bool) -> list[Differing]:
    """Return the keys that differ; an outcome that came or went is one, and so is the source.

    Another source that was read is no key: ``--data`` may stand in for it, and its rows count.
    """
    keys = list(_differing(_flat(older), _flat(newer)))
    whole = [found[1] for one in keys if (found := _OUTCOME.fullmatch(one.key))]
    parts = {f"{name}.{field}" for name in whole for field in OutcomeSpec.model_fields}
    hidden = parts - {f"{name}.column" for name in whole} | ({"data.source"} if source else set())
    return [one for one in keys if one.key not in hidden]


def _trimmed(older: StudySpec, newer: StudySpec) -> frozenset[str]:
    """Return the keys of overlap that decide who counts: none where no run leaves units out."""
    return _TRIMMED if "trim" in {older.overlap.rule, newer.overlap.rule} else frozenset()


def _rows(manifest: Json) -> tuple[object, ...]:
    """Return what tells which rows a run read."""
    return manifest["data"]["fingerprint"], manifest["as_of"]


def _primary_kinds(spec: StudySpec) -> frozenset[str]:
    """Return the keys that say how the columns of the primary metric are counted."""
    primary = spec.primary
    columns = (
        (primary.column,)
        if isinstance(primary, OutcomeSpec)
        else (primary.numerator, primary.denominator)
    )
    return frozenset(f"outcomes.{column}.kind" for column in columns)


def _flat(spec: StudySpec) -> dict[str, object]:
    """Return a study file as one level of keys; outcomes and ratios by their names."""
    flat: dict[str, object] = {}
    for key, value in spec.model_dump(mode="json").items():
        if key in {"outcomes", "ratios"}:
            for one in value:
                name = one.get("name") or one["column"]
                flat |= {f"{key}.{name}.{field}": of for field, of in one.items()}
        elif key in _BLOCKS and value is not None:
            flat |= {f"{key}.{field}": of for field, of in value.items()}
        elif key not in _BLOCKS:
            flat[key] = value
    return flat


def _differing(before: Mapping[str, object], now: Mapping[str, object]) -> Iterator[Differing]:
    for key in dict.fromkeys((*before, *now)):
        if before.get(key) != now.get(key):
            yield Differing(key=key, before=before.get(key), now=now.get(key))
