"""Does the share of an arm move with time, though nobody meant it to?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy import special

from whatif.base.arrays import Floats, Ints
from whatif.checks.arrivals import arrivals, exposure_moments, periods, phase_name
from whatif.checks.assignment import noticeable
from whatif.checks.conclude import conclude, percent
from whatif.checks.evidence import Evidence
from whatif.checks.result import CheckResult, Cost, Status
from whatif.checks.shares import for_most
from whatif.contract.spec import ColumnProbability
from whatif.design.probability import is_logged
from whatif.effects.stepdown import holm

LEVEL = 0.01
MEANINGFUL_MOVE = 0.03  # 50 % becoming 53 % over a phase
LEAST_INFORMATION = 25.0
LEAST_EXPECTED = 5.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Drift:
    """How one arm's share moves within one phase.

    Attributes
    ----------
    share : float
        Share of the arm over the whole phase.
    move, std_error : float
        Change of the share from the first moment to the last along a straight line.
    trend_p, daily_p : float
        p-values of no straight line, and of equal shares in all periods.
    oddest : int
        The period that is most errors away from the rest.
    oddest_share : float
        Share of the arm in it.
    """

    share: float
    move: float
    std_error: float
    trend_p: float
    daily_p: float
    oddest: int
    oddest_share: float


def drift_of(got: Floats, chance: Floats, moment: Floats, period: Ints) -> Drift | None:
    """Test one arm's share for a line in time and for differences between periods.

    Both are score tests of a logistic model with the unit's chance as offset and a constant that
    is estimated, so a share that is off by the same odds throughout is no drift. With residuals
    ``r = 1{A=a} − p − v ᾱ`` and ``v = p (1 − p)``, the trend is
    ``(Σ (t − t̄_v) r)² / Σ v (t − t̄_v)²`` and the periods are ``Σ_d (Σ_{i∈d} r)² / Σ_{i∈d} v``,
    periods with a variance below 5 left out.

    Parameters
    ----------
    got : ndarray of 0 and 1, shape (n,)
        Whether the unit got the arm.
    chance : ndarray, shape (n,)
        Its chance of the arm; the arm's share in the phase where only a constant is meant.
    moment : ndarray, shape (n,)
        When it came.
    period : ndarray of int64, shape (n,)
        Day or week, 0 … G − 1.

    Returns
    -------
    Drift or None
        None where units are too few or all came at once.

    References
    ----------
    Armitage (1955), Biometrics 11(3), 375–386, section 3: the trend with equal chances.

    Examples
    --------
    >>> day = np.repeat([0, 1], 200)
    >>> got = np.r_[np.tile([0.0, 1.0], 100), np.tile([1.0, 1.0, 1.0, 0.0], 50)]
    >>> found = drift_of(got, np.full(400, got.mean()), day.astype(float), day)
    >>> found is not None and (round(found.move, 2), found.oddest_share)
    (0.25, 0.5)
    """
    weight = chance * (1 - chance)
    total = float(weight.sum())
    if total < LEAST_INFORMATION:
        return None
    residual = got - chance
    residual = residual - weight * (float(residual.sum()) / total)
    away = moment - float(weight @ moment) / total
    information = float(weight @ away**2)
    if not np.ptp(moment) > 0 or information <= 0:
        return None
    slope = float(away @ residual) / information
    per_share = total / got.size * float(np.ptp(moment))
    daily_p, oddest = _periods(residual, weight, period)
    return Drift(
        share=float(got.mean()),
        move=slope * per_share,
        std_error=per_share / float(np.sqrt(information)),
        trend_p=float(special.chdtrc(1, slope**2 * information)),
        daily_p=daily_p,
        oddest=oddest,
        oddest_share=float(got[period == oddest].mean()),
    )


def _periods(residual: Floats, weight: Floats, period: Ints) -> tuple[float, int]:
    """Return the p-value of equal shares in all periods, and the period furthest away."""
    variance = np.bincount(period, weights=weight)
    used = np.flatnonzero(variance >= LEAST_EXPECTED)
    if used.size < 2:  # noqa: PLR2004  (nothing to compare)
        return 1.0, int(period[0])
    variance = variance[used]
    gap = np.bincount(period, weights=residual)[used]
    gap = gap - variance * (gap.sum() / variance.sum())
    each = gap**2 / variance
    return float(special.chdtrc(used.size - 1, each.sum())), int(used[int(np.argmax(each))])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Found:
    drift: Drift
    arm: str
    phase: str
    units: int
    oddest: str


class AssignmentDrift:
    """Test, within each phase, that the share of every arm stays where it is.

    The arm's own share in the phase is the null, so a share that is wrong throughout is left to
    the sample ratio; logged chances that differ between units enter as they are. Units of
    assignment stand once, at first exposure. Trend and periods, phases and arms share the level
    of .01 (Holm). *Held* needs an even chance of seeing a share move by 3 percentage points over
    a phase. The statistic is the smallest p-value after Holm.
    """

    code: ClassVar[str] = "WI-DRI-01"
    name: ClassVar[str] = "assignment_drift"
    cost: ClassVar[Cost] = Cost.VIEW
    integrity: ClassVar[bool] = False
    what: ClassVar[str] = "Whether the share of an arm moves with time within a phase."
    why: ClassVar[str] = (
        "Who comes changes with time; if the chance of an arm changes too, the arms hold different "
        "people and every effect mixes in the calendar."
    )
    blind: ClassVar[str] = "A share that is wrong from the first day to the last."
    fix: ClassVar[str] = (
        "If the chances were changed on purpose, declare the phases of the ramp under "
        "`design.probability`; otherwise find what changed on the named day."
    )

    def run(self, evidence: Evidence) -> CheckResult:
        """Test every arm in every phase."""
        design, spec = evidence.design, evidence.spec
        if design.kind != "experiment":
            return conclude(self, Status.NOT_APPLICABLE, "Nothing was assigned at random.")
        logged = isinstance(spec.design.probability, ColumnProbability) and is_logged(
            design.known, design.phase
        )
        if logged and len(design.arms) > 2:  # noqa: PLR2004
            return conclude(
                self,
                Status.DID_NOT_RUN,
                "The log holds only the chance of the arm a unit got; with more than two arms the "
                "expected shares of the others are unknown.",
            )
        units = arrivals(design)
        moment = exposure_moments(evidence, units.row)
        if moment is None:
            return conclude(self, Status.NOT_APPLICABLE, "The study names no time column.")
        known = np.asarray(design.known)[units.row] if logged else None
        found = _all_phases(evidence, design.phase[units.row], units.arm, moment, known)
        if not found:
            return conclude(
                self,
                Status.DID_NOT_RUN,
                "Too little data: no phase has enough units of every arm on two days or more.",
            )
        return self._judged(found)

    def _judged(self, found: list[_Found]) -> CheckResult:
        p_values = holm([p for one in found for p in (one.drift.trend_p, one.drift.daily_p)])
        worst = int(np.argmin(p_values))
        smallest = float(p_values[worst])
        if smallest < LEVEL:
            one = found[worst // 2]
            status, finding = Status.BROKE, _moved(one) if worst % 2 == 0 else _odd(one)
        else:
            status, finding = _powered(found, p_values.size)
        return conclude(self, status, finding, statistic=smallest, threshold=LEVEL)


def _all_phases(
    evidence: Evidence, phase: Ints, arm: Ints, moment: Floats, known: Floats | None
) -> list[_Found]:
    codes = np.flatnonzero(np.bincount(phase))
    found: list[_Found] = []
    for code in codes:
        rows = np.flatnonzero(phase == code) if codes.size > 1 else np.arange(phase.size)
        name = f"phase {phase_name(evidence.spec, int(code))}" if codes.size > 1 else "the data"
        own = None if known is None else known[rows]
        found += _one_phase(evidence.design.arms, arm[rows], moment[rows], own, name)
    return found


def _one_phase(
    arms: tuple[str, ...], arm: Ints, moment: Floats, known: Floats | None, name: str
) -> list[_Found]:
    """Test every arm but the control against the rest; with more than two arms the control too."""
    share = np.bincount(arm, minlength=len(arms)) / arm.size
    rarest = np.full(arm.size, share.min()) if known is None else known.min(axis=1)
    made = periods(moment, rarest)
    found: list[_Found] = []
    for a in range(1 if len(arms) == 2 else 0, len(arms)):  # noqa: PLR2004
        chance = np.full(arm.size, share[a]) if known is None else known[:, a]
        got = (arm == a).astype(np.float64)
        drift = drift_of(got, chance, moment, made.code)
        if drift is not None:
            oddest = made.names[drift.oddest]
            found.append(
                _Found(drift=drift, arm=arms[a], phase=name, units=arm.size, oddest=oddest)
            )
    return found


def _moved(one: _Found) -> str:
    word = "rose" if one.drift.move > 0 else "fell"
    return (
        f"In {one.phase} the share of {one.arm} {word} by {100 * abs(one.drift.move):.2g} "
        f"percentage points from the first day to the last, around {percent(one.drift.share)}; "
        "luck does not explain it."
    )


def _odd(one: _Found) -> str:
    return (
        f"The share of {one.arm} differs between days by more than luck explains: it was "
        f"{percent(one.drift.oddest_share)} {one.oddest} and {percent(one.drift.share)} in "
        f"{one.phase} as a whole."
    )


def _powered(found: list[_Found], tests: int) -> tuple[Status, str]:
    errors = np.array([one.drift.std_error for one in found])
    units = np.array([one.units for one in found], dtype=np.float64)
    visible = for_most(noticeable(1, LEVEL / tests) * errors, units)
    points = f"{100 * visible:.2g} percentage points"
    if visible > MEANINGFUL_MOVE:
        return Status.DID_NOT_RUN, (
            f"No drift found, but too little data: only a move of {points} or more over a phase "
            "could have been seen."
        )
    return Status.HELD, (
        f"No share moves with time by more than luck explains; a move of {points} over a phase "
        "could have been seen."
    )
