"""From the words of a question to a state of the sliders; what is not known is refused here."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from numbers import Real
from typing import Any

import numpy as np

from whatif.base.arrays import Bools, Floats
from whatif.base.errors import DataError, Problem, UsageError, did_you_mean
from whatif.effects.rows import Level, Segment
from whatif.run.named import index_of, named, require_finite
from whatif.scenarios.sheet.evaluate import State, base_state
from whatif.scenarios.sheet.record import Sheet

_NEAR = 1e-9
_PAIR = 2
_FORMS = {
    "where": '{"device": "mobile"}; an expression such as "device = \'mobile\'" goes to '
    "`answer.scenario`",
    "rollout": '{(("device", "mobile"),): {"expanded": 0.5}}',
    "mix": '{"device": {"mobile": 0.8, "desktop": 0.2}}',
    "per": '{"converted": 22}',
    "factor": '{"shipping_cost": 1.1}',
    "arm_cost": '{"expanded": 0.02}',
}

Shares = Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Where a reader wants the sliders; what is not named stays as the study has it.

    Attributes
    ----------
    give : str or None
        An arm, for a share of the units `where`; everyone else keeps the control.
    share : float
        That share.
    where : mapping of column to level
        Levels of the file's columns; empty for everyone.
    rollout : mapping of segment to shares by arm
        In place of `give`: shares by segment; the control gets what is left, and every segment
        that is not named.
    mix : mapping of column to shares by level
        Another mix over one column; a level that is not named has no share.
    per, factor, arm_cost : mapping of name to number
        Worth of an outcome, price level of an outcome, cost of an arm per unit.
    units_per_month : float or None
        Units a month.
    """

    give: str | None = None
    share: float = 1.0
    where: Mapping[str, Level] = field(default_factory=dict)
    rollout: Mapping[Segment, Shares] = field(default_factory=dict)
    mix: Mapping[str, Mapping[Any, float]] = field(default_factory=dict)
    per: Mapping[str, float] = field(default_factory=dict)
    factor: Mapping[str, float] = field(default_factory=dict)
    arm_cost: Mapping[str, float] = field(default_factory=dict)
    units_per_month: float | None = None


def state_of(sheet: Sheet, wish: Wish) -> State:
    """Return the state of the sliders that a reader wants.

    Raises
    ------
    DataError
        If an integrity check of the run broke.
    UsageError
        If an arm, outcome, column or level is not known, shares do not add up, an amount is
        negative or not finite, or something is no mapping or no number where one belongs.
    """
    _require_forms(wish)
    if sheet.withheld:
        raise DataError(
            Problem(
                what="An integrity check of this run broke, so no scenario is answered from it.",
                why="what follows from numbers that cannot be trusted cannot be trusted either.",
                fix="see the run's page for the check, mend the data and run the study again.",
            )
        )
    base = base_state(sheet)
    if wish.units_per_month is not None:
        _require_positive("units_per_month", wish.units_per_month)
    return State(
        rollout=_rollout(sheet, wish, base),
        mix=_mix(sheet, wish.mix),
        per=_per(sheet, wish.per, base.per),
        factor=_factor(sheet, wish.factor, base.factor),
        arm_cost=_arm_cost(sheet, wish.arm_cost, base.arm_cost),
        units=base.units if wish.units_per_month is None else float(wish.units_per_month),
    )


def _require_forms(wish: Wish) -> None:
    """Refuse what is no mapping or no number where one belongs."""
    for part in _FORMS:
        _require_mapping(part, getattr(wish, part))
    for segment, shares in wish.rollout.items():
        if not _is_segment(segment):
            raise _misshapen("rollout", f"`rollout` has {segment!r} in place of a segment")
        _require_numbers("rollout", "the share of ", shares, f" in {named(segment)}")
    for column, shares in wish.mix.items():
        _require_numbers("mix", f"the share of {column} = ", shares)
    _require_numbers("per", "the worth of ", wish.per)
    _require_numbers("factor", "the price level of ", wish.factor)
    _require_numbers("arm_cost", "the cost of ", wish.arm_cost)
    _require_number("share", wish.share)
    if wish.units_per_month is not None:
        _require_number("units_per_month", wish.units_per_month)


def _is_segment(value: object) -> bool:
    return isinstance(value, tuple) and all(
        isinstance(pair, tuple) and len(pair) == _PAIR for pair in value
    )


def _require_numbers(part: str, lead: str, values: object, tail: str = "") -> None:
    """Refuse values by name that are no numbers; a name stands between `lead` and `tail`."""
    _require_mapping(part, values)
    assert isinstance(values, Mapping)  # noqa: S101  (refused above)
    for name, value in values.items():
        _require_number(f"{lead}{name}{tail}", value)


def _require_mapping(part: str, value: object) -> None:
    if not isinstance(value, Mapping):
        raise _misshapen(part, f"`{part}` has {value!r} where a mapping belongs")


def _require_number(what: str, value: object) -> None:
    if not isinstance(value, Real):
        raise _unfit(f"{what} is {value!r}, which is no number", "give a number, e.g. 0.5")


def _misshapen(part: str, what: str) -> UsageError:
    return UsageError(
        Problem(
            what=f"{what}.",
            why="a scenario file is asked by the names that it holds, and by numbers.",
            fix=f"`{part}` is a mapping here, e.g. {_FORMS[part]}.",
        )
    )


def _rollout(sheet: Sheet, wish: Wish, base: State) -> Floats:
    if wish.rollout:
        if wish.give is not None or wish.where or wish.share != 1.0:
            raise _unfit(
                "`rollout` says who gets what itself", "leave out `give`, `share` and `where`"
            )
        return _by_segment(sheet, wish.rollout)
    if wish.give is None and not wish.where and wish.share == 1.0:
        return base.rollout
    arm = sheet.declared if wish.give is None else index_of(wish.give, list(sheet.arms), "arm")
    _require_share("share", wish.share)
    chosen = _cells(sheet, tuple(wish.where.items()))
    rollout = np.zeros_like(base.rollout)
    rollout[:, 0] = 1.0
    rollout[chosen] = 0.0
    rollout[chosen, 0] = 1.0 - wish.share
    rollout[chosen, arm] += wish.share
    return rollout


def _by_segment(sheet: Sheet, wanted: Mapping[Segment, Shares]) -> Floats:
    rollout = np.zeros((len(sheet.cells), len(sheet.arms)))
    rollout[:, 0] = 1.0
    seen = np.zeros(len(sheet.cells), dtype=np.bool_)
    for segment, shares in wanted.items():
        chosen = _cells(sheet, segment)
        if (seen & chosen).any():
            raise _unfit(f"{named(segment)} is named twice", "let segments not overlap")
        seen |= chosen
        rollout[chosen] = _row(sheet, named(segment), shares)
    return rollout


def _row(sheet: Sheet, place: str, shares: Shares) -> Floats:
    row = np.zeros(len(sheet.arms))
    for arm, share in shares.items():
        row[index_of(arm, list(sheet.arms), "arm")] = share
        _require_share(f"the share of {arm!r} in {place}", share)
    left = 1.0 - float(row.sum())
    if left < -_NEAR or (sheet.arms[0] in shares and abs(left) > _NEAR):
        raise _unfit(
            f"the shares of arms in {place} add up to {row.sum():g}", "let them add up to 1"
        )
    row[0] += max(left, 0.0)
    return row


def _cells(sheet: Sheet, segment: Segment) -> Bools:
    """Return which cells lie in a segment."""
    inside = np.ones(len(sheet.cells), dtype=np.bool_)
    for column, level in segment:
        j, levels = _column(sheet, column)
        inside &= sheet.cells[:, j] == _level(column, level, levels)
    if not inside.any():
        raise _unknown(f"There is no segment {named(segment)!r} in this scenario file.", "")
    return inside


def _column(sheet: Sheet, name: str) -> tuple[int, tuple[Level, ...]]:
    names = [known for known, _ in sheet.columns]
    if name not in names:
        raise _unknown(f"There is no column {name!r} in this scenario file.", _cross(name, names))
    return names.index(name), sheet.columns[names.index(name)][1]


def _cross(name: object, names: list[str]) -> str:
    """Return what to do about a column that the cells are not cut by."""
    if not names:
        return "its one cell is everyone; ask the answer itself with answer.scenario(...)."
    hint = did_you_mean(str(name), names)
    if not hint.startswith("known"):
        return hint
    crossed = ", ".join([*names, str(name)])
    return f"{hint} To ask about it too, declare `segments: [[{crossed}]]` and run again."


def _level(column: str, wanted: Level, levels: tuple[Level, ...]) -> int:
    plain = wanted.item() if isinstance(wanted, np.generic) else wanted
    for place, level in enumerate(levels):
        if level == plain and isinstance(level, bool) == isinstance(plain, bool):
            return place
    raise _unknown(
        f"{column!r} has no level {plain!r} in this scenario file.",
        did_you_mean(str(plain), [str(level) for level in levels]),
    )


def _mix(sheet: Sheet, wanted: Mapping[str, Mapping[Any, float]]) -> tuple[int, Floats] | None:
    if not wanted:
        return None
    if len(wanted) > 1:
        raise _unfit("`mix` names several columns", "name one; the others keep their proportions")
    [(column, shares)] = wanted.items()
    j, levels = _column(sheet, column)
    made = np.zeros(len(levels))
    for level, share in shares.items():
        _require_share(f"the share of {column} = {level}", share)
        made[_level(column, level, levels)] = share
    if abs(float(made.sum()) - 1.0) > _NEAR:
        raise _unfit(f"the shares of {column} add up to {made.sum():g}", "let them add up to 1")
    return j, made


def _per(sheet: Sheet, wanted: Mapping[str, float], base: Floats) -> Floats:
    made = base.copy()
    for name, amount in wanted.items():
        k = index_of(name, list(sheet.outcomes), "outcome")
        require_finite(f"the worth of {name!r}", amount)
        if base[k] == 0:
            raise _unfit(
                f"{name} is worth nothing in this scenario file, and its ranges do not allow for "
                "another worth",
                "name it in the study's `value`, or ask answer.scenario(per=...)",
            )
        if amount * base[k] < 0:
            raise _unfit(
                f"the worth of {name} is {amount:g}, of the other sign than {base[k]:g}",
                "keep the sign: what costs is worth less than 0, what earns more",
            )
        made[k] = amount
    return made


def _factor(sheet: Sheet, wanted: Mapping[str, float], base: Floats) -> Floats:
    made = base.copy()
    for name, amount in wanted.items():
        k = index_of(name, list(sheet.outcomes), "outcome")
        _require_positive(f"the price level of {name}", amount)
        made[k] = amount
    return made


def _arm_cost(sheet: Sheet, wanted: Mapping[str, float], base: Floats) -> Floats:
    made = base.copy()
    if wanted and sheet.worth is None:
        raise _unfit(
            "the study declares no value, so there is no profit to take a cost off",
            "add `value` to the study, or ask answer.scenario(per=..., arm_cost=...)",
        )
    for name, amount in wanted.items():
        a = index_of(name, list(sheet.arms), "arm")
        require_finite(f"the cost of {name!r}", amount)
        if amount < 0:
            raise _unfit(f"the cost of {name} is {amount:g}", "give a cost of 0 or more")
        made[a] = amount
    return made


def _require_share(what: str, value: float) -> None:
    if not 0 <= value <= 1:  # refuses what is not a number, too
        raise _unfit(f"{what} is {value}", "give a share between 0 and 1")


def _require_positive(what: str, value: float) -> None:
    if not (value > 0 and math.isfinite(value)):
        raise _unfit(f"{what} is {value}", "give a finite number above 0")


def _unfit(what: str, fix: str) -> UsageError:
    return UsageError(
        Problem(
            what=f"The scenario does not fit together: {what}.",
            why="an answer to another question would be given.",
            fix=f"{fix}.",
        )
    )


def _unknown(what: str, fix: str) -> UsageError:
    return UsageError(
        Problem(
            what=what,
            why="a file answers only for the segments that it holds.",
            fix=fix or "ask about segments that occur in the data.",
        )
    )
