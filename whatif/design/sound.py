"""What would make a design meaningless, refused, and what a reader must know, said."""

from __future__ import annotations

import numpy as np
import pandas as pd

from whatif.base.arrays import Bools, Floats, Ints
from whatif.base.errors import DataError, Notice, Problem, UsageError
from whatif.contract.spec import ColumnProbability, RatioSpec, StudySpec

_TWO = 2


def repeats(codes: Ints) -> bool:
    """Return whether dense codes 0 … C − 1 name some group twice."""
    return int(codes.max(initial=-1)) + 1 < codes.size


def require_units(arm: Ints, arms: tuple[str, ...]) -> None:
    """Refuse an arm with fewer than two units that have every outcome."""
    counts = np.bincount(arm, minlength=len(arms))
    short = [label for label, count in zip(arms, counts, strict=True) if count < 2]  # noqa: PLR2004
    if short:
        raise DataError(
            Problem(
                what=f"Arms with fewer than two units that have every outcome: {short}.",
                why="there is nothing to compare.",
                fix="check the outcome columns and the treatment column of these rows.",
            )
        )


def require_whole(spec: StudySpec, assigned: Ints, cluster: Ints) -> None:
    """Refuse clusters that cut a unit of assignment into pieces."""
    if spec.design.kind != "experiment" or not repeats(assigned):
        return
    first = np.full(int(assigned.max()) + 1, -1, dtype=np.int64)
    first[assigned[::-1]] = cluster[::-1]
    split = np.unique(assigned[cluster != first[assigned]]).size
    if split:
        raise DataError(
            Problem(
                what=f"{split:,} of {first.size:,} units of assignment ({spec.assigned}) lie in "
                f"several clusters ({spec.cluster}).",
                why=f"errors would ignore that every {spec.assigned} was assigned as a whole, and "
                "look surer than they are.",
                fix=f"declare `cluster: {spec.assigned}`, or a column that groups them.",
            )
        )


def require_target(spec: StudySpec, arms: tuple[str, ...]) -> None:
    """Refuse a target, or trimming, that more than two arms cannot be answered for.

    Raises
    ------
    UsageError
        For ``target: overlap``; and where only the chance of the arm received is logged, for
        ``target: att`` and for trimming.
    """
    logged = isinstance(spec.design.probability, ColumnProbability)
    if len(arms) == _TWO:
        return
    named = f"the study has {len(arms)} arms: {', '.join(arms)}"
    fix = f"name one arm under `treatment.arms`, e.g. `arms: [{arms[1]}]`"
    if spec.target == "overlap":
        problem = Problem(
            what=f"`target: overlap` compares two arms; {named}.",
            why="every pair of arms has its own units whose arm was open, so the effects would "
            "speak of different people.",
            fix=f"{fix}.",
        )
    elif logged and spec.target == "att":
        problem = Problem(
            what=f"`target: att` needs the chance of the control in every row; {named}, and the "
            "log holds the chance of the arm received.",
            why="who could have got another arm than the control cannot be told from it.",
            fix=f"{fix}, or use `target: ate`.",
        )
    elif logged and spec.overlap.rule == "trim":
        problem = Problem(
            what=f"`overlap: {{rule: trim}}` needs the chance of every arm; {named}, and the log "
            "holds the chance of the arm received.",
            why="units would be left out by the arm they got, and the rest would not be "
            "comparable.",
            fix=f"{fix}, or narrow the data with `where`.",
        )
    else:
        return
    raise UsageError(problem)


def sampling_weights(frame: pd.DataFrame, column: str | None) -> Floats:
    """Return the weight of each unit in every average, shape (n,); ones without a column.

    Raises
    ------
    DataError
        If a weight is missing, not a number, infinite, 0 or below.
    """
    if column is None:
        return np.ones(len(frame))
    weight = pd.to_numeric(frame[column], errors="coerce").to_numpy(np.float64, na_value=np.nan)
    bad = ~(np.isfinite(weight) & (weight > 0))
    if bad.any():
        first = int(np.flatnonzero(bad)[0])
        raise DataError(
            Problem(
                what=f"The sampling weight {column!r} is missing, not a number, infinite, 0 or "
                f"below in {int(bad.sum()):,} of {bad.size:,} rows, e.g. row {first + 1}: "
                f"{frame[column].iloc[first]!r}.",
                why="every average counts a unit by its weight.",
                fix="correct the weights, or leave those rows out with `where` if they were never "
                "sampled.",
            )
        )
    return weight


def require_variation(spec: StudySpec, values: Floats) -> None:
    """Refuse a primary outcome that is constant once units without outcomes are set aside."""
    primary = spec.primary
    names = [outcome.column for outcome in spec.outcomes]
    decisive = (
        (primary.numerator, primary.denominator)
        if isinstance(primary, RatioSpec)
        else (primary.column,)
    )
    problems = [
        Problem(
            what=f"Outcome {name!r} is {values[0, k]:g} for every unit that has all outcomes.",
            why="a constant cannot differ between arms, so the question has no answer.",
            fix="if an outcome is missing because nothing happened, write 0; else check "
            "the column.",
        )
        for k, name in enumerate(names)
        if name in decisive and (values[:, k] == values[0, k]).all()
    ]
    if problems:
        raise DataError(*problems)


def later_notice(spec: StudySpec, assigned: Ints) -> tuple[Notice, ...]:
    """Say so when several rows follow from one assignment and are not added up."""
    if spec.window is not None or spec.assigned is None or not repeats(assigned):
        return ()
    several = int((np.bincount(assigned) > 1).sum())
    row = spec.unit or "row"
    problem = Problem(
        what=f"{several:,} of {int(assigned.max()) + 1:,} units of assignment ({spec.assigned}) "
        f"have several rows, and numbers are per {row}.",
        why="rows after the first may be consequences of the arm: how many there are, and their "
        "covariates and segments, can differ by arm, so the numbers describe rows that happened "
        f"and not what the arm does to each {spec.assigned}.",
        fix=f"for an effect per {spec.assigned}, set `unit: {spec.assigned}` and a `window`, e.g. "
        "`window: 28d`.",
    )
    return (Notice(code="later_sessions", problem=problem),)


def missing_notice(
    arm: Ints, arms: tuple[str, ...], missing: Bools, outcomes: tuple[str, ...]
) -> tuple[Notice, ...]:
    """Count the units that are set aside for a missing outcome."""
    kept = np.asarray(~missing.any(axis=1))
    if kept.all():
        return ()
    by_arm = ", ".join(f"{label} {int((~kept[arm == a]).sum()):,}" for a, label in enumerate(arms))
    columns = [
        name for name, gone in zip(outcomes, np.asarray(missing.any(axis=0)), strict=True) if gone
    ]
    problem = Problem(
        what=f"{int((~kept).sum()):,} of {kept.size:,} units lack an outcome "
        f"({', '.join(columns)}) and are set aside: {by_arm}.",
        why="if the arms lose units for different reasons, the rest are not comparable.",
        fix="find out why they are missing; if missing means nothing happened, fill in 0.",
    )
    return (Notice(code="missing_outcome", problem=problem),)
