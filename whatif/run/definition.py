"""What differs between the study files and versions of two runs, and which of it moves scores."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from whatif.contract.spec import OutcomeSpec, StudySpec

Json = Mapping[str, Any]

_COUNTED = frozenset({"data.where", "first_exposure", "maturity"})
_BOTH = frozenset(
    {"unit", "assigned", "time", "window", "treatment.column", "treatment.arms"}
    | {"overlap.low", "overlap.high", "overlap.rule"}
)
_SCORED = frozenset(
    {"cluster", "treatment.control", "design.kind", "design.probability", "covariates", "graph"}
    | {"segments", "target", "weights", "learners", "repetitions", "folds", "seed"}
)
_BLOCKS = ("data", "treatment", "design", "overlap", "decision", "value", "schedule", "review")


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
    moving, other : tuple of Differing
        Keys that differ and can move the estimate; keys that cannot.
    counts, scores : bool
        Whether a key differs that decides which units count, and one that decides their scores.
    versions : tuple of Differing
        Packages in another version.
    code : bool
        Whether the code or a package differs.
    data : bool
        Whether the data differ, or the day up to which they were read.
    """

    moving: tuple[Differing, ...]
    other: tuple[Differing, ...]
    counts: bool
    scores: bool
    versions: tuple[Differing, ...]
    code: bool
    data: bool


def compare(before: tuple[StudySpec, Json, Json], now: tuple[StudySpec, Json, Json]) -> Definitions:
    """Compare what two runs were asked for.

    Parameters
    ----------
    before, now : (StudySpec, manifest, answer)
        Of the older and the newer run.
    """
    (older, then, said_then), (newer, today, said_now) = before, now
    moved_by = _COUNTED | _BOTH | _SCORED | _primary_kinds(newer)
    keys = list(_differing(_flat(older), _flat(newer)))
    edges = [
        {key: said["estimand"][key] for key in ("edges", "adjustment")}
        for said in (said_then, said_now)
    ]
    drawn = not {"graph", "covariates"} & {one.key for one in keys} and edges[0] != edges[1]
    if drawn:  # the same file name, another graph in it
        keys.append(Differing(key="graph", before=edges[0], now=edges[1]))
    moving = tuple(one for one in keys if one.key in moved_by)
    names = {one.key for one in moving}
    versions = tuple(_differing(then["versions"], today["versions"]))
    return Definitions(
        moving=moving,
        other=tuple(one for one in keys if one.key not in moved_by),
        counts=bool(names & (_COUNTED | _BOTH)),
        scores=bool(names - _COUNTED),
        versions=versions,
        code=then["code"] != today["code"] or bool(versions),
        data=_rows(then) != _rows(today),
    )


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
