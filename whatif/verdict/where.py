"""For whom: the declared segments a roll-out leaves out, and those where its gain is clearest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from whatif.contract.spec import StudySpec, metric_name
from whatif.effects.rows import EffectRow, EffectRows, Segment
from whatif.verdict.readings import segments_differ
from whatif.verdict.record import Reading
from whatif.verdict.rules import BAD, GOOD

HARM = BAD | {Reading.OVER_LIMIT, Reading.WORSE_LIMIT_NOT_RULED_OUT}
_NOT_SHOWN = frozenset({Reading.SUPPRESSED, Reading.NO_OVERLAP})


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Segments left out of a roll-out for everyone, chosen after looking.

    `nowhere` is true when the harmed segments leave no shown segment to roll out to.
    """

    exclude: tuple[Segment, ...] = ()
    nowhere: bool = False


def place_of(effects: EffectRows, readings: Sequence[Reading], spec: StudySpec, arm: str) -> Place:
    """Return for whom `arm` can be rolled out: everyone but the segments that it harms.

    A segment is left out when its dimension is declared, the F test tells that dimension apart,
    and the segment reads worse or breaks a guardrail. Reading no better than others is no harm:
    the overall effect speaks for those segments too.
    """
    harmed = _harmed(effects, readings, spec, arm)
    if harmed and _is_everybody(harmed, _shown(effects, spec, arm)):
        return Place(nowhere=True)
    return Place(exclude=harmed)


def better_segments(
    effects: EffectRows, readings: Sequence[Reading], spec: StudySpec, arm: str
) -> tuple[Segment, ...]:
    """Return the segments of the first dimension that some, but not all, read better in.

    Single columns come before crosses, else the declared order counts. Empty where no dimension
    splits that way.
    """
    return _stand_out(effects, readings, spec, arm, _dimensions(spec))


def clearest_segments(
    effects: EffectRows, readings: Sequence[Reading], spec: StudySpec, arm: str, place: Place
) -> tuple[Segment, ...]:
    """Return the segments of one column that stand out as better among those in `place`.

    Crosses never count: among many small cells only the lucky ones stand out.
    """
    columns = [dimension for dimension in _dimensions(spec) if len(dimension) == 1]
    return _stand_out(effects, readings, spec, arm, columns, exclude=place.exclude)


def _dimensions(spec: StudySpec) -> tuple[tuple[str, ...], ...]:
    return tuple(sorted(spec.segments, key=len))


def _stand_out(
    effects: EffectRows,
    readings: Sequence[Reading],
    spec: StudySpec,
    arm: str,
    dimensions: Sequence[tuple[str, ...]],
    *,
    exclude: Sequence[Segment] = (),
) -> tuple[Segment, ...]:
    subject = (metric_name(spec.primary), arm)
    for dimension in dimensions:
        every = _pick(effects, readings, subject, dimension, _is_shown)
        left = [segment for segment in every if not _covered(segment, exclude)]
        good = _pick(effects, readings, subject, dimension, GOOD.__contains__)
        found = tuple(segment for segment in good if segment in left)
        if found and len(found) < len(left):
            return found
    return ()


def _harmed(
    effects: EffectRows, readings: Sequence[Reading], spec: StudySpec, arm: str
) -> tuple[Segment, ...]:
    found: list[Segment] = []
    for dimension in _dimensions(spec):
        for metric in (spec.primary, *spec.guardrails):
            subject = (metric_name(metric), arm)
            for segment in _pick(effects, readings, subject, dimension, HARM.__contains__):
                if not _covered(segment, found):
                    found.append(segment)
    return tuple(found)


def _shown(effects: EffectRows, spec: StudySpec, arm: str) -> tuple[tuple[Segment, ...], ...]:
    """Return the segments with a number, by declared dimension."""
    metrics = [metric_name(metric) for metric in (spec.primary, *spec.guardrails)]
    return tuple(
        tuple(
            row.segment
            for row in effects.effects
            if row.shown == "shown"
            and any(_is_about(row, (metric, arm), dimension) for metric in metrics)
        )
        for dimension in spec.segments
    )


def _is_everybody(harmed: Sequence[Segment], shown: Sequence[Sequence[Segment]]) -> bool:
    """Whether leaving out `harmed` empties every segment of some dimension."""
    return any(
        segments and all(_is_empty(segment, harmed, shown) for segment in segments)
        for segments in shown
    )


def _is_empty(
    segment: Segment, harmed: Sequence[Segment], shown: Sequence[Sequence[Segment]]
) -> bool:
    """Whether `harmed` covers `segment`, at once or in the pieces another dimension cuts it in."""
    cuts = (
        [{**dict(segment), **dict(one)} for one in cut if _meets(segment, one)] for cut in shown
    )
    return _covered(segment, harmed) or any(
        pieces and all(_covered(tuple(piece.items()), harmed) for piece in pieces)
        for pieces in cuts
    )


def _meets(segment: Segment, other: Segment) -> bool:
    levels = dict(segment)
    return all(levels.get(column, level) == level for column, level in other)


def _pick(
    effects: EffectRows,
    readings: Sequence[Reading],
    subject: tuple[str, str],
    dimension: tuple[str, ...],
    wanted: Callable[[Reading], bool],
) -> tuple[Segment, ...]:
    outcome, arm = subject
    if not segments_differ(effects, outcome=outcome, arm=arm, dimension=dimension):
        return ()
    return tuple(
        row.segment
        for row, reading in zip(effects.effects, readings, strict=True)
        if _is_about(row, subject, dimension) and wanted(reading)
    )


def _is_shown(reading: Reading) -> bool:
    return reading not in _NOT_SHOWN


def _is_about(row: EffectRow, subject: tuple[str, str], dimension: tuple[str, ...]) -> bool:
    columns = {column for column, _ in row.segment}
    return row.planned and (row.outcome, row.arm) == subject and columns == set(dimension)


def _covered(segment: Segment, exclude: Sequence[Segment]) -> bool:
    return any(set(out) <= set(segment) for out in exclude)
