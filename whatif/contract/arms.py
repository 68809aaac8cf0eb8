"""Arms: which rows got which level of the treatment, control first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from whatif.base.arrays import Ints
from whatif.base.errors import DataError, Notice, Problem, UsageError, did_you_mean
from whatif.contract.spec import PhaseProbability, StudySpec, arm_label
from whatif.contract.validate import examples

MAX_LEVELS = 50


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Arms:
    """Arms found in the data.

    Attributes
    ----------
    labels : tuple of str
        Control first, then arms as declared, or sorted when none were.
    codes : ndarray of int64, shape (rows,)
        Index into `labels`; -1 where the row got a level outside the study.
    notices : tuple of Notice
        Levels left out, counted.
    """

    labels: tuple[str, ...]
    codes: Ints
    notices: tuple[Notice, ...]


def find_arms(spec: StudySpec, frame: pd.DataFrame) -> Arms:
    """Return the arm of each row of `frame`.

    Parameters
    ----------
    spec : StudySpec
        Declares the treatment column, the control and perhaps the arms.
    frame : DataFrame
        Must hold the treatment column.

    Raises
    ------
    DataError
        If the treatment is missing in a row, an arm or the control is not in the data, or only
        one arm is.
    UsageError
        If the declared probabilities name other arms than the study compares.
    """
    column = frame[spec.treatment.column]
    missing = column.isna().to_numpy()
    if missing.any():
        raise DataError(_missing_treatment(spec, frame, int(missing.sum())))
    codes, found = pd.factorize(column)
    levels, counts = list(found), np.bincount(codes, minlength=len(found))
    labels = [arm_label(level) for level in levels]
    wanted, places = _places(spec, levels, labels)
    problems = _absent(spec, wanted, places, dict(zip(labels, counts.tolist(), strict=True)))
    if problems:
        raise DataError(*problems)
    order = _order(spec, labels, places)
    names = tuple(dict(zip(places, wanted, strict=True)).get(at, labels[at]) for at in order)
    _check_probabilities(spec, names)
    target = np.full(len(levels), -1, dtype=np.int64)
    target[order] = np.arange(len(order))
    left = [(labels[at], int(counts[at])) for at in np.flatnonzero(target < 0)]
    return Arms(labels=names, codes=target[codes], notices=_left_out(spec, left) if left else ())


def _declared(spec: StudySpec) -> list[Any]:
    """Return the arms that the study names, by `arms` or else by constant probabilities."""
    if spec.treatment.arms is not None:
        return list(spec.treatment.arms)
    given = spec.design.probability
    control = arm_label(spec.treatment.control)
    return [arm for arm in given if arm != control] if isinstance(given, dict) else []


def _places(
    spec: StudySpec, levels: Sequence[Any], labels: Sequence[str]
) -> tuple[list[str], list[int | None]]:
    wanted = [spec.treatment.control, *_declared(spec)]
    return [arm_label(value) for value in wanted], [_place(v, levels, labels) for v in wanted]


def _place(value: object, levels: Sequence[Any], labels: Sequence[str]) -> int | None:
    if arm_label(value) in labels:
        return labels.index(arm_label(value))
    flags = {"true": 1, "false": 0, "1": 1, "0": 0}
    number = flags.get(arm_label(value))
    if number is None:
        return None
    same = [i for i, v in enumerate(levels) if not isinstance(v, str) and v == number]
    return same[0] if same else None


def _order(spec: StudySpec, labels: Sequence[str], places: Sequence[int | None]) -> list[int]:
    known = [at for at in places if at is not None]
    if spec.treatment.arms is not None:
        return known
    others = sorted(set(range(len(labels))) - set(known[:1]), key=lambda at: labels[at])
    return [known[0], *others]


def _absent(
    spec: StudySpec, wanted: Sequence[str], places: Sequence[int | None], counts: dict[str, int]
) -> list[Problem]:
    column, names = spec.treatment.column, list(counts)
    if len(counts) > MAX_LEVELS:
        return [_too_many(column, len(counts))]
    has = ", ".join(f"{name!r} ({count:,} rows)" for name, count in sorted(counts.items()))
    problems = []
    for i, (name, place) in enumerate(zip(wanted, places, strict=True)):
        if place is not None:
            continue
        near = did_you_mean(name, names)
        problems.append(
            Problem(
                what=f"The {'control' if i == 0 else 'arm'} {name!r} is not in column {column!r}"
                + (f"; {near}" if near.startswith("did") else ".")
                + f" The column has {has}.",
                why="there is nobody to compare.",
                fix="correct the spelling in `treatment`, or wait until the arm has rows.",
            )
        )
    if not problems and len(counts) == 1:
        problems.append(
            Problem(
                what=f"Only one arm is in the data: column {column!r} has {has}.",
                why="there is nobody to compare.",
                fix="check that the data hold every arm and that `where` keeps them.",
            )
        )
    return problems


def _too_many(column: str, count: int) -> Problem:
    return Problem(
        what=f"The treatment column {column!r} has {count:,} different values.",
        why="an effect is estimated for each arm, and a measured number has no arms.",
        fix="name a column with a few levels, or cut this one into levels first.",
    )


def _missing_treatment(spec: StudySpec, frame: pd.DataFrame, count: int) -> Problem:
    column = spec.treatment.column
    rows = frame[column].isna().to_numpy()
    return Problem(
        what=f"The treatment {column!r} is missing in {count:,} of {len(frame):,} rows, "
        f"e.g. {examples(frame, rows, None, spec.unit)}.",
        why="such a row belongs to no arm, and leaving it out would hide lost assignments.",
        fix="recover the assignment, or leave these rows out at the source and say so.",
    )


def _check_probabilities(spec: StudySpec, names: tuple[str, ...]) -> None:
    given = spec.design.probability
    tables = (
        [given]
        if isinstance(given, dict)
        else list(given.phases.values())
        if isinstance(given, PhaseProbability)
        else []
    )
    for table in tables:
        if set(table) != set(names):
            raise UsageError(
                Problem(
                    what=f"design.probability gives chances for {sorted(table)}, but the arms in "
                    f"the data are {sorted(names)}.",
                    why="every row needs the chance of each arm.",
                    fix="give each arm its chance, or list the compared arms in treatment.arms.",
                )
            )


def _left_out(spec: StudySpec, left: Sequence[tuple[str, int]]) -> tuple[Notice, ...]:
    total = sum(count for _, count in left)
    shown = ", ".join(f"{name!r} ({count:,})" for name, count in left)
    return (
        Notice(
            code="other_arms",
            problem=Problem(
                what=f"{total:,} rows got a level of {spec.treatment.column!r} that the study "
                f"does not compare: {shown}.",
                why="they are left out, so the answer is about the other rows.",
                fix="add the level to treatment.arms if it belongs to the question.",
            ),
        ),
    )
