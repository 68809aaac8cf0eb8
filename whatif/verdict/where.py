"""For whom: the declared segments a roll-out takes in or leaves out, where segments differ."""

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
    """Segments taken in (empty: everyone) and left out, both chosen after looking.

    `nowhere` is true when every segment that was taken in had to be left out again.
    """

    include: tuple[Segment, ...] = ()
    exclude: tuple[Segment, ...] = ()
    nowhere: bool = False

    @property
    def everyone(self) -> bool:
        """Whether nobody is left out."""
        return not (self.include or self.exclude or self.nowhere)


def place_of(
    effects: EffectRows,
    readings: Sequence[Reading],
    spec: StudySpec,
    arm: str,
    *,
    only_better: bool = True,
) -> Place:
    """Return where the segments' own readings carry a roll-out of `arm`.

    Only declared dimensions count, and only where the F test tells their segments apart. With
    `only_better`, the first dimension in which some segments read better and others do not names
    the place. Segments that read worse, or break a guardrail, are left out.
    """
    wanted = better_segments(effects, readings, spec, arm) if only_better else ()
    harmed = _harmed(effects, readings, spec, arm)
    include = tuple(segment for segment in wanted if not _covered(segment, harmed))
    if wanted and not include:
        return Place(nowhere=True)
    exclude = tuple(segment for segment in harmed if _reached(segment, include))
    return Place(include=include, exclude=exclude)


def better_segments(
    effects: EffectRows, readings: Sequence[Reading], spec: StudySpec, arm: str
) -> tuple[Segment, ...]:
    """Return the segments of the first declared dimension that some, but not all, read better in.

    Empty where no dimension splits that way.
    """
    subject = (metric_name(spec.primary), arm)
    for dimension in spec.segments:
        every = _pick(effects, readings, subject, dimension, _is_shown)
        good = _pick(effects, readings, subject, dimension, GOOD.__contains__)
        if good and len(good) < len(every):
            return good
    return ()


def _harmed(
    effects: EffectRows, readings: Sequence[Reading], spec: StudySpec, arm: str
) -> tuple[Segment, ...]:
    found: list[Segment] = []
    for dimension in spec.segments:
        for metric in (spec.primary, *spec.guardrails):
            subject = (metric_name(metric), arm)
            for segment in _pick(effects, readings, subject, dimension, HARM.__contains__):
                if not _covered(segment, found):
                    found.append(segment)
    return tuple(found)


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


def _reached(segment: Segment, include: Sequence[Segment]) -> bool:
    """Whether anyone in `segment` could be in one of the included segments."""
    return not include or any(
        all(dict(chosen).get(column, level) == level for column, level in segment)
        for chosen in include
    )


def _covered(segment: Segment, exclude: Sequence[Segment]) -> bool:
    return any(set(out) <= set(segment) for out in exclude)
