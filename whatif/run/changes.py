"""Why the estimate moved from one stored run to the next: two run folders in, one record out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from whatif.base.arrays import Bools
from whatif.base.errors import Problem, UsageError
from whatif.base.history import Change, ChangeKind, ChangePart, Range
from whatif.contract.clock import read_moments
from whatif.contract.spec import RatioSpec, StudySpec, metric_name
from whatif.report.format import plural, singular_unit
from whatif.run.definition import Definitions, Differing, compare
from whatif.run.stored import Json, Stored, read_stored
from whatif.scenarios.changes.cells import cut_by
from whatif.scenarios.changes.runs import Compared, Runs, late_units, match
from whatif.scenarios.changes.split import (
    COUNTED,
    MECHANISM,
    MIX,
    NEW,
    RESCORED,
    REVISED,
    Move,
    split,
)
from whatif.scores.record import Scores
from whatif.verdict import changes_wording as words

_NONE: Range = (None, None)
_SHOWN: tuple[ChangeKind, ...] = (
    "new_data", "mix", "mechanism", "revised_data", "definition", "code",
)  # fmt: skip
_SAME = 1e-9


def change_between(before: Path, now: Path) -> Change:
    """Return how the primary estimate moved between two stored runs, and why.

    Nothing is told where one of them is withheld, or where they do not measure the same; the move
    is not split where they share no unit or scores cannot be read.

    Parameters
    ----------
    before, now : Path
        Folders of the older and the newer run.

    Raises
    ------
    DataError
        If answer or manifest of a run are missing or damaged.
    """
    return change_of(read_stored(before), read_stored(now))


def change_since(before: Path | None, now: Path | None) -> Change:
    """Return the change between two runs as answers know their folders; None is not stored.

    Raises
    ------
    UsageError
        If one of the two is not stored.
    DataError
        As `change_between`.
    """
    if before is None or now is None:
        raise UsageError(
            Problem(
                what=f"The {'older' if before is None else 'newer'} run is not stored.",
                why="what changed is told from the files of two runs.",
                fix="run both with out=..., and open them with whatif.load.",
            )
        )
    return change_between(before, now)


def change_of(before: Stored, now: Stored) -> Change:
    """Return the change between two runs that were read; see `change_between`."""
    definitions = compare(
        (before.spec, before.manifest, before.answer), (now.spec, now.manifest, now.answer)
    )
    told = _definition_said(definitions)
    old, new = (None if run.withheld else _row(run, now) for run in (before, now))
    why = _not_alike(before, now)
    change = Change(
        before=before.answer["run_id"],
        now=now.answer["run_id"],
        estimate_before=None,
        estimate_now=None if new is None else new["estimate"],
        ci_before=_NONE,
        ci_now=_NONE if new is None else _ends(new),
        total=None,
        ci=_NONE,
        parts=(),
        said=(why, *told) if why else told,
    )
    if why or old is None or new is None:
        return change
    change = replace(
        change,
        estimate_before=old["estimate"],
        ci_before=_ends(old),
        total=new["estimate"] - old["estimate"],
    )
    if before.manifest["score_key"] == now.manifest["score_key"]:
        return replace(change, ci=(0.0, 0.0), said=_unmoved_said(definitions))
    return _with_parts(change, before, now, definitions)


def _row(run: Stored, now: Stored) -> Json | None:
    return run.row(metric_name(now.spec.primary), now.answer["verdict"]["arm"])


def _ends(row: Json) -> Range:
    low, high = row["ci"]
    return (low, high)


def _not_alike(before: Stored, now: Stored) -> str:
    """Say why the two runs have no number in common; empty where they have."""
    if before.withheld or now.withheld:
        return words.unsplit_words("before_withheld" if before.withheld else "now_withheld")
    if _measured(before.spec) != _measured(now.spec):
        return words.unsplit_words("metric")
    if before.spec.unit != now.spec.unit:
        return words.unsplit_words("unit")
    then, arm = (run.answer["verdict"]["arm"] for run in (before, now))
    if then != arm:
        return words.arm_words(then, arm)
    old, new = _row(before, now), _row(now, now)
    if old is None or new is None:
        return words.unsplit_words("no_number")
    controls = old["versus"], new["versus"]
    return "" if controls[0] == controls[1] else words.control_words(arm, *controls)


def _measured(spec: StudySpec) -> tuple[object, ...]:
    """Return what the primary metric is, thresholds apart."""
    one = spec.primary
    divided = (one.numerator, one.denominator) if isinstance(one, RatioSpec) else ()
    return (metric_name(one), one.unit, one.per, *divided)


def _with_parts(change: Change, before: Stored, now: Stored, definitions: Definitions) -> Change:
    """Return the change with its parts; without them, and why, where it cannot be split."""
    acting = _acting(definitions, trims=now.spec.overlap.rule == "trim")
    kinds = _kinds(acting)
    runs = _matched(before, now)
    if not isinstance(runs, Runs):
        return replace(change, said=(*change.said, words.unsplit_words(runs)))
    move = split(runs, level=now.spec.level, joined=kinds[COUNTED] == kinds[RESCORED])
    why = _unsplit(move, change)
    if move is None or why is not None:
        return replace(change, said=(*change.said, words.unsplit_words(why or "denominator")))
    ranked = sorted(move.parts, key=lambda one: _SHOWN.index(kinds[one.part]))
    parts = tuple(
        ChangePart(kind=kinds[one.part], estimate=one.estimate, ci=one.ci, share=one.share)
        for one in ranked
    )
    change = replace(change, ci=move.total.ci, parts=parts)
    notes = (
        *_units_said(runs, now.spec),
        *_together(runs, acting, definitions),
        *_ranges_said(change, (before.spec.level, now.spec.level)),
    )
    return replace(change, said=(*change.said, *(note for note in notes if note)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Acting:
    """What can have moved the units of both runs; all of it counts as the first reason named.

    `counted` acts on which of them count, `rescored` on their scores.
    """

    counted: tuple[ChangeKind, ...]
    rescored: tuple[ChangeKind, ...]


def _acting(definitions: Definitions, *, trims: bool) -> _Acting:
    """Return the reasons there are; data that are the same are none.

    Scores decide who counts where units are left out by their chances. Other units move the scores
    of the rest, so a rule of who counts acts on scores; newer data do the same, and more.
    """
    only_rule = definitions.counts and not definitions.data
    rescored = _named(
        definition=definitions.scores or only_rule, code=definitions.code, data=definitions.data
    )
    counted = _named(
        definition=definitions.counts or (trims and definitions.scores),
        code=definitions.code and (trims or not definitions.data),
        data=definitions.data,
    )
    return _Acting(counted=counted, rescored=rescored)


def _named(*, definition: bool, code: bool, data: bool) -> tuple[ChangeKind, ...]:
    """Return reasons in the order in which they stand for each other; never none of them.

    Where nothing is known to differ, the same study gave other scores: its code or its machine.
    """
    reasons: dict[ChangeKind, bool] = {"definition": definition, "code": code, "revised_data": data}
    return tuple(kind for kind, acts in reasons.items() if acts) or ("code",)


def _kinds(acting: _Acting) -> dict[str, ChangeKind]:
    """Return the reason that each part of a move is put down to."""
    return {
        COUNTED: acting.counted[0],
        RESCORED: acting.rescored[0],
        REVISED: acting.rescored[0],
        NEW: "new_data",
        MIX: "mix",
        MECHANISM: "mechanism",
    }


def _matched(before: Stored, now: Stored) -> Runs | words.Unsplit:
    """Return the two runs unit by unit and cut by segments; else why they cannot be matched."""
    if now.spec.unit is None:
        return "no_unit"
    older, newer = before.scores(), now.scores()
    if older is None or newer is None:
        return "unreadable"
    runs = match(older, newer, _compared(now), _late(before.spec, older, now.spec, newer))
    if not runs.kept.any():
        return "no_shared"
    return cut_by(runs, newer.columns, now.spec.segments)


def _compared(now: Stored) -> Compared:
    one, row = now.spec.primary, _row(now, now)
    return Compared(
        arm=now.answer["verdict"]["arm"],
        versus="" if row is None else row["versus"],
        numerator=one.numerator if isinstance(one, RatioSpec) else one.column,
        denominator=one.denominator if isinstance(one, RatioSpec) else None,
    )


def _late(old: StudySpec, older: Scores, new: StudySpec, newer: Scores) -> Bools:
    """Return the units of the newer run that are of days which the older run covers.

    None of them is known to be where one of the two has no time column. Moments without a zone are
    taken to be in the study's.
    """
    first, second = read_moments(old, older.columns), read_moments(new, newer.columns)
    if first is None or second is None:
        return np.zeros(newer.n, dtype=bool)
    if (first.stamps.dt.tz is None) == (second.stamps.dt.tz is None):
        return late_units(first.stamps, second.stamps)
    return late_units(first.local(), second.local())


def _unsplit(move: Move | None, change: Change) -> words.Unsplit | None:
    """Return why a move cannot be split; None where it can."""
    if move is None:
        return "denominator"
    reported = np.array([change.estimate_before, change.estimate_now], dtype=np.float64)
    agree = np.allclose((move.before, move.now), reported, rtol=_SAME, atol=_SAME)
    return None if agree else "disagree"


def _definition_said(definitions: Definitions) -> tuple[str, ...]:
    """Say what differs in study file, code and data."""
    keys: dict[words.Moves, tuple[Differing, ...]] = {
        "estimate": definitions.moving,
        "ranges": definitions.ranges,
        "checks": definitions.checks,
        "none": definitions.other,
    }
    said = [words.keys_words(_plain(of), moves=moves) for moves, of in keys.items() if of]
    if definitions.code:
        said.append(words.versions_words(_plain(definitions.versions)))
    if definitions.source:
        said.append(words.OTHER_SOURCE if definitions.data else words.SAME_FROM_OTHER_SOURCE)
    elif not definitions.data:
        said.append(words.SAME_DATA)
    return tuple(said)


def _plain(keys: tuple[Differing, ...]) -> list[tuple[str, object, object]]:
    return [(one.key, one.before, one.now) for one in keys]


def _unmoved_said(definitions: Definitions) -> tuple[str, ...]:
    """Say what differs between runs with equal scores."""
    if not definitions.any:
        return (words.NOTHING,)
    told = _definition_said(definitions)
    return (*(one for one in told if one != words.SAME_DATA), words.NOT_MOVED)


def _units_said(runs: Runs, spec: StudySpec) -> tuple[str, ...]:
    """Say who came and went, and how new units are told apart."""
    counted = words.units_words(
        plural(singular_unit(spec.unit)),
        now=runs.again.size,
        new=int((~runs.again).sum()),
        late=int((runs.again & ~runs.shared).sum()),
        gone=int((~runs.kept).sum()),
    )
    who = spec.cluster or spec.assigned or spec.unit
    several = runs.unlinked and who != spec.unit
    unlinked = words.unlinked_words(runs.unlinked, who=plural(singular_unit(who)))
    return (counted, _cut_said(runs, spec), unlinked if several else "")


def _together(runs: Runs, acting: _Acting, definitions: Definitions) -> tuple[str, ...]:
    """Say what else stands under the reason that a part is put down to."""
    counted = not runs.same_units and len(acting.counted) > 1
    rescored = not runs.same_scores and len(acting.rescored) > 1
    if counted and rescored and acting.counted == acting.rescored:
        told = [words.together_words(acting.counted, counted=True, rescored=True)]
    else:
        told = [words.together_words(acting.counted, counted=True, rescored=False)] * counted
        told += [words.together_words(acting.rescored, counted=False, rescored=True)] * rescored
    if runs.same_scores:
        return tuple(told)
    told += [words.REFITTED] * (acting.rescored == ("revised_data",))
    told += [words.RULE_REFITS] * (definitions.counts and "definition" not in acting.rescored)
    return tuple(told)


def _ranges_said(change: Change, levels: tuple[float, float]) -> tuple[str, ...]:
    """Say what to know when reading ranges and shares."""
    before, now = levels
    return (
        words.level_words(before, now) if before != now else "",
        words.NO_RANGES if _NONE in (change.ci, *(part.ci for part in change.parts)) else "",
        words.NO_SHARES if any(part.share is None for part in change.parts) else "",
    )


def _cut_said(runs: Runs, spec: StudySpec) -> str:
    """Say by which segments new data are split."""
    if runs.again.all():
        return ""
    if runs.segments == ((),):
        return words.SMALL_SEGMENTS if spec.segments else words.NO_SEGMENTS
    return words.cut_words([name for name, _ in runs.segments[0]], merged=len(runs.merged))
