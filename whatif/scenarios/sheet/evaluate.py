"""What the sliders say: changes, ratios, profit and break-even of one state, with ranges."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from whatif.base.arrays import Floats
from whatif.base.records import BreakEven
from whatif.effects.contrasts import Metric
from whatif.effects.fieller import fieller
from whatif.scenarios.sheet.record import LEAST_DF, Sheet

UNITS = 1_000.0
"""Units that an answer is for where nobody said how many come a month."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class State:
    """Where the sliders stand.

    Attributes
    ----------
    rollout : ndarray, shape (S, A)
        Share of each cell that gets each arm; rows add up to 1.
    mix : (int, ndarray) or None
        A column and the shares of its levels, taken as exact; None: the mix of the data.
    per, factor : ndarray, shape (K,)
        Worth of one of each outcome, and its price level: amounts are multiplied by it.
    arm_cost : ndarray, shape (A,)
        Cost of giving the arm to one unit.
    units : float or None
        Units a month; None: answers are for 1,000 units.
    """

    rollout: Floats
    mix: tuple[int, Floats] | None
    per: Floats
    factor: Floats
    arm_cost: Floats
    units: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One number: an outcome or the profit a month, or a ratio; ends are None without a range."""

    name: str
    estimate: float | None
    std_error: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluated:
    """The answer to one state.

    Attributes
    ----------
    results : tuple of Result
        Change of every outcome, of every ratio and, where outcomes are worth something, profit,
        against the control for everyone.
    break_even : BreakEven or None
        Worth of one more of the first outcome that is worth something, at which profit is nothing.
    critical : float or None
        Critical value of the ranges; None where there are none.
    chosen_after_looking : bool
        Whether the state is not the declared one, so that ranges allow for the choice.
    """

    results: tuple[Result, ...]
    break_even: BreakEven | None
    critical: float | None
    chosen_after_looking: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Number:
    """A number with its gradient by ``theta.ravel()`` followed by the shares of cells."""

    value: float
    gradient: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Mixed:
    """A state with the weight of each cell, and its derivative by the share of each, (S, S)."""

    sheet: Sheet
    state: State
    weight: Floats
    by_share: Floats


def base_state(sheet: Sheet) -> State:
    """Return the declared scenario: one arm for everyone, at the declared prices."""
    arms, outcomes = len(sheet.arms), len(sheet.outcomes)
    rollout = np.zeros((len(sheet.cells), arms))
    rollout[:, sheet.declared] = 1.0
    worth = sheet.worth
    return State(
        rollout=rollout,
        mix=None,
        per=np.zeros(outcomes) if worth is None else np.array(worth.per),
        factor=np.ones(outcomes),
        arm_cost=np.zeros(arms) if worth is None else np.array(worth.arm_cost),
        units=sheet.units,
    )


def evaluate(sheet: Sheet, state: State) -> Evaluated:
    """Answer one state of the sliders, against the control for everyone.

    With m_s the share of cell s and Δr the rollout less the control's, an outcome moves by
    ``D = factor Σ_s m_s Σ_a Δr_sa θ_sa`` a unit; a ratio by after less before; profit is
    ``Σ_k per_k D_k − Σ_s m_s Σ_a Δr_sa cost_a``. Errors follow from the covariance of all θ and
    shares by the delta method. A mix over one column is taken as exact: within a level cells keep
    their shares of it, ``m_s = M_d p_s / P_d``.

    Parameters
    ----------
    sheet : Sheet
        A scenario file.
    state : State
        Where its sliders stand.
    """
    at = _mixed(sheet, state)
    moved = state.rollout.copy()
    moved[:, 0] -= 1.0
    none = np.zeros_like(moved)
    none[:, 0] = 1.0
    count = range(len(sheet.outcomes))
    change = [_mean(at, moved, k) for k in count]
    before = [_mean(at, none, k) for k in count]
    critical, looked = _critical(sheet, state)
    units = UNITS if state.units is None else state.units
    named = list(zip(sheet.outcomes, change, strict=True))
    results = [_result(sheet, name, one, critical, units) for name, one in named]
    results += [_ratio(sheet, ratio, before, change, critical) for ratio in sheet.ratios]
    even = None
    if sheet.worth is not None:
        profit = _profit(at, moved, change)
        results.append(_result(sheet, "profit", profit, critical, units))
        even = _break_even(sheet, state, change, profit, critical)
    return Evaluated(
        results=tuple(results), break_even=even, critical=critical, chosen_after_looking=looked
    )


def _mixed(sheet: Sheet, state: State) -> _Mixed:
    share = sheet.share
    if state.mix is None:
        return _Mixed(sheet=sheet, state=state, weight=share, by_share=np.eye(share.size))
    column, wanted = state.mix
    level = sheet.cells[:, column]
    same = level[:, None] == level[None, :]
    known = same @ share
    within, pull = share / known, wanted[level] / known
    return _Mixed(
        sheet=sheet,
        state=state,
        weight=wanted[level] * within,
        by_share=pull[:, None] * (np.eye(share.size) - same * within[:, None]),
    )


def _mean(at: _Mixed, arms: Floats, k: int) -> _Number:
    """Return ``factor Σ_s m_s Σ_a arms_sa θ_sak``."""
    theta = at.sheet.theta
    inside = (arms * theta[:, :, k]).sum(axis=1)
    by_theta = np.zeros(theta.shape)
    by_theta[:, :, k] = at.weight[:, None] * arms
    gradient = np.concatenate([by_theta.ravel(), at.by_share.T @ inside])
    factor = float(at.state.factor[k])
    return _Number(value=factor * float(at.weight @ inside), gradient=factor * gradient)


def _profit(at: _Mixed, moved: Floats, change: list[_Number]) -> _Number:
    paid = moved @ at.state.arm_cost
    value = 0.0 - float(at.weight @ paid)
    gradient = np.concatenate([np.zeros(at.sheet.theta.size), -(at.by_share.T @ paid)])
    for worth, one in zip(at.state.per, change, strict=True):
        value += float(worth) * one.value
        gradient += worth * one.gradient
    return _Number(value=value, gradient=gradient)


def _ratio(
    sheet: Sheet,
    ratio: Metric,
    before: list[_Number],
    change: list[_Number],
    critical: float | None,
) -> Result:
    top, bottom = ratio.numerator, ratio.denominator
    if bottom is None:
        raise ValueError(f"{ratio.name} has no denominator.")
    old = before[top].value, before[bottom].value
    new = old[0] + change[top].value, old[1] + change[bottom].value
    if old[1] <= 0 or new[1] <= 0:
        return Result(name=ratio.name, estimate=None, std_error=None, low=None, high=None)
    after = new[0] / new[1]
    gone = old[0] / old[1]
    gradient = (
        (before[top].gradient + change[top].gradient)
        - after * (before[bottom].gradient + change[bottom].gradient)
    ) / new[1] - (before[top].gradient - gone * before[bottom].gradient) / old[1]
    return _result(sheet, ratio.name, _Number(value=after - gone, gradient=gradient), critical, 1.0)


def _result(
    sheet: Sheet, name: str, number: _Number, critical: float | None, units: float
) -> Result:
    error = units * float(np.sqrt(max(_shared(sheet, number, number), 0.0)))
    estimate = units * number.value
    low = high = None
    if critical is not None and error > 0:
        low, high = estimate - critical * error, estimate + critical * error
    return Result(name=name, estimate=estimate, std_error=error, low=low, high=high)


def _shared(sheet: Sheet, one: _Number, other: _Number) -> float:
    return float(one.gradient @ sheet.covariance @ other.gradient)


def _critical(sheet: Sheet, state: State) -> tuple[float | None, bool]:
    """Return the critical value, and whether the state was chosen after looking."""
    base = base_state(sheet)
    if state.mix is not None or not np.array_equal(state.rollout, base.rollout):
        critical, looked = sheet.critical.rollout, True
    elif any(
        not np.array_equal(mine, theirs)
        for mine, theirs in (
            (state.per, base.per),
            (state.factor, base.factor),
            (state.arm_cost, base.arm_cost),
        )
    ):
        critical, looked = sheet.critical.prices, True
    else:
        critical, looked = sheet.critical.declared, False
    return (None if sheet.df < LEAST_DF else critical), looked


def _break_even(
    sheet: Sheet, state: State, change: list[_Number], profit: _Number, critical: float | None
) -> BreakEven | None:
    """Solve ``worth · gain − rest = 0`` for the worth of one of the first valued outcome."""
    if sheet.worth is None or critical is None:
        return None
    k = next((k for k, worth in enumerate(sheet.worth.per) if worth > 0), None)
    if k is None:
        return None
    gain, worth = change[k], float(state.per[k])
    rest = _Number(
        value=worth * gain.value - profit.value,
        gradient=worth * gain.gradient - profit.gradient,
    )
    spread = _shared(sheet, rest, rest), _shared(sheet, gain, gain), _shared(sheet, rest, gain)
    found = fieller(rest.value, gain.value, variances=spread, critical=critical)
    return BreakEven(
        outcome=sheet.outcomes[k],
        value=rest.value / gain.value if gain.value != 0 else None,
        kind=found.kind,
        ends=found.ends,
        pays_above=bool(gain.value > 0),
    )
