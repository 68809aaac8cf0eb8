"""Rules for what is averaged and how: target, weights, repetitions, cuts made after looking."""

from __future__ import annotations

from collections.abc import Iterator

from whatif.contract.plain_errors import Finding, Path, finding
from whatif.contract.spec import StudySpec

_OURS = "aipw"


def score_rules(spec: StudySpec) -> Iterator[Finding]:
    """Yield every rule about averages that `spec` breaks."""
    yield from _target(spec)
    yield from _weights(spec)
    yield from _repetitions(spec)
    yield from _exploratory(spec)


def _target(spec: StudySpec) -> Iterator[Finding]:
    if spec.target == "ate":
        return
    if spec.target == "overlap" and spec.treatment.arms and len(spec.treatment.arms) > 1:
        yield finding(
            ("target",),
            f"target 'overlap' compares two arms; treatment.arms names {len(spec.treatment.arms)} "
            "beside the control.",
            "every pair of arms has its own units whose arm was open, so the effects would speak "
            "of different people.",
            "name one arm under treatment.arms.",
        )
    yield from _opinions(spec, f"target {spec.target!r}", ("target",))
    if spec.value is not None and spec.value.units_per_month == "auto":
        yield finding(
            ("value", "units_per_month"),
            f"value.units_per_month is 'auto', which counts all units; target {spec.target!r} "
            "speaks of some.",
            "money a month would be earned by units that the effect says nothing about.",
            "give the number of units a month in that population.",
        )


def _opinions(spec: StudySpec, because: str, at: Path) -> Iterator[Finding]:
    others = [name for name in spec.estimators if name != _OURS]
    if others:
        yield finding(
            at,
            f"{because} and estimators {', '.join(others)}: these count every unit alike.",
            "their numbers would stand beside an answer about another population.",
            "keep `estimators: [aipw]`.",
        )


def _weights(spec: StudySpec) -> Iterator[Finding]:
    if spec.weights is None:
        return
    if spec.weights in (spec.unit, spec.cluster, spec.assigned, spec.time):
        yield finding(
            ("weights",),
            f"weights names {spec.weights!r}, which says who or when a row is.",
            "a number that names something is not how much a row counts.",
            "name the column of sampling weights, or leave it out.",
        )
    if spec.target == "ate":
        yield from _opinions(spec, f"weights {spec.weights!r}", ("weights",))


def _repetitions(spec: StudySpec) -> Iterator[Finding]:
    if spec.repetitions > 1 and not spec.covariates and spec.graph is None:
        yield finding(
            ("repetitions",),
            f"repetitions is {spec.repetitions}, but the study has no covariates.",
            "folds are drawn for models, and without covariates there are none.",
            "leave repetitions out, or name covariates.",
        )


def _exploratory(spec: StudySpec) -> Iterator[Finding]:
    later = {spec.treatment.column, *(outcome.column for outcome in spec.outcomes)}
    seen = {frozenset(cut): "segments" for cut in spec.segments}
    for i, cut in enumerate(spec.exploratory):
        at, name = ("exploratory", i), " by ".join(cut)
        for column in sorted(later & set(cut)):
            yield finding(
                at,
                f"exploratory.{i} cuts by {column!r}, which is not settled before the treatment.",
                "rows chosen by what the treatment did are no longer comparable.",
                "cut by pre-treatment columns only.",
            )
        if spec.unit in cut:
            yield finding(
                at,
                f"exploratory.{i} cuts by the unit {spec.unit!r}.",
                "its values differ in every row, so nothing can be compared within one.",
                "cut by a column that several rows share.",
            )
        if len(set(cut)) < len(cut):
            yield finding(
                at,
                f"exploratory.{i} crosses a column with itself: {name}.",
                "that is the same as the column alone.",
                "name different columns.",
            )
        place = seen.setdefault(frozenset(cut), f"exploratory.{i}")
        if place != f"exploratory.{i}":
            yield finding(
                at,
                f"exploratory.{i} repeats {name}, which stands in {place}.",
                "a cut is either planned or made after looking, and counts once.",
                "list it once.",
            )
