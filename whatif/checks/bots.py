"""Does the answer change when rows that look like machines are left out?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
from scipy import special

from whatif.base.arrays import Bools
from whatif.base.rng import generator
from whatif.checks.analysed import analysed_rows, exposure_order
from whatif.checks.assignment import arm_imbalance, chances, first_rows, noticeable
from whatif.checks.conclude import amount, conclude, listed, percent
from whatif.checks.evidence import Evidence
from whatif.checks.missing_outcome import FEW_UNITS, redrawn_p_value
from whatif.checks.result import CheckResult, Cost, Detail, Status
from whatif.contract.spec import ColumnProbability
from whatif.contract.where import columns_of, mask, parse_where
from whatif.design.record import Design
from whatif.effects.bands import t_critical
from whatif.effects.cell_effect import CellEffect
from whatif.effects.cells import cut
from whatif.effects.joint import Joint, joint
from whatif.effects.stepdown import holm
from whatif.effects.table import metrics_of

LEVEL = 0.01
MATERIAL = 0.25  # of the effect's standard error: coverage of a 95 % range falls by less than 1 %
SEEN = 2.0  # standard errors: as far as a 95 % range reaches
FEWEST_CLUSTERS = 10
PEOPLE, BOTS = 1, 2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shift:
    """How far leaving the bots out moves one effect.

    Attributes
    ----------
    everyone, people : CellEffect
        The effect with and without them.
    moved : float
        Effect with them minus effect without, in standard errors of the effect.
    error : float
        Its clustered standard error, in the same unit.
    p_value : float or None
        Two-sided; None with fewer than 10 clusters of bots in an arm.
    df : int
        Clusters of bots − 1, those of the smaller arm where whole clusters were assigned.
    """

    everyone: CellEffect
    people: CellEffect
    moved: float
    error: float
    p_value: float | None
    df: int

    @property
    def name(self) -> str:
        """The effect in words."""
        return f"{self.everyone.metric.name} ({self.everyone.means.arms[self.everyone.arm]})"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareGap:
    """How the share of bots differs between arms: p-value, the gap that can be seen, in words."""

    p_value: float
    visible: float
    words: str


def marked(rule: str, frame: pd.DataFrame) -> tuple[Bools, int]:
    """Return which rows the rule marks, and how many others lack a column that it reads.

    Examples
    --------
    >>> found, unknown = marked("clicks > 9", pd.DataFrame({"clicks": [1.0, 99.0, None]}))
    >>> found.tolist(), unknown
    ([False, True, False], 1)
    """
    expression = parse_where(rule)
    found = mask(expression, frame)
    lacking = frame[sorted(columns_of(expression))].isna().any(axis=1).to_numpy()
    return found, int((lacking & ~found).sum())


class Bots:
    """Effects with and without the units that ``bots:`` marks, and their share in every arm.

    Both effects come from the same scores, so the error of their difference is that of the
    difference of their influence values. A difference counts from a quarter of the effect's
    standard error. In an experiment the share of bots is compared too, units of assignment at a
    time. The statistic is the smallest p-value (Holm) of a difference that counts.
    """

    code: ClassVar[str] = "WI-BOT-01"
    name: ClassVar[str] = "bots"
    cost: ClassVar[Cost] = Cost.VIEW
    integrity: ClassVar[bool] = False
    what: ClassVar[str] = (
        "Whether units that look like machines move an effect, or are more frequent in one arm."
    )
    why: ClassVar[str] = (
        "Machines do not decide, so they dilute or distort the effect on people; more of them in "
        "one arm means that logging or filtering differs between arms."
    )
    blind: ClassVar[str] = "Machines that the rule does not mark."
    fix: ClassVar[str] = (
        "Leave them out with `where` if the question is about people, and find out why an arm has "
        "more of them before using any number."
    )

    def run(self, evidence: Evidence) -> CheckResult:
        """Compare effects with and without bots, and their share by arm."""
        design, rule = evidence.design, evidence.spec.bots
        if rule is None:
            return conclude(
                self,
                Status.NOT_APPLICABLE,
                "No rule says which units are machines; declare one, e.g. `bots: is_bot`.",
            )
        bot, unknown = marked(rule, design.check_columns)
        scored = bot[analysed_rows(evidence)]
        if not scored.any():
            return conclude(self, Status.NOT_APPLICABLE, f"No unit is marked by `{rule}`.")
        if scored.all():
            return conclude(self, Status.DID_NOT_RUN, f"`{rule}` marks every unit.")
        shifts = _shifts(evidence, scored)
        if not shifts:
            return conclude(self, Status.DID_NOT_RUN, "Without bots no effect can be computed.")
        gap = _share_gap(evidence, bot)
        status, p_value = _judged(shifts, gap, share=float(scored.mean()))
        worst = max(shifts, key=lambda shift: abs(shift.moved))
        head = f"{int(scored.sum()):,} of {scored.size:,} units ({percent(scored.mean())}) are bots"
        said = [head, *_effect_words(worst, shifts), *([gap.words] if gap else [])]
        if unknown:
            said.append(f"{unknown:,} units lack a column of the rule and count as people")
        return conclude(
            self,
            status,
            f"{'; '.join(said)}.",
            statistic=p_value,
            threshold=None if p_value is None else LEVEL,
            details=_details(shifts, evidence.spec.level),
        )


def _shifts(evidence: Evidence, bot: Bools) -> tuple[Shift, ...]:
    means = joint(evidence.scores, cut(pd.DataFrame({"bot": bot}), (("bot",),)))
    found = [
        _shift(means, CellEffect.of(means, metric, arm, 0), CellEffect.of(means, metric, arm, 1))
        for metric in metrics_of(evidence.spec)
        for arm in range(1, len(means.arms))
        if means.counts.arm_units[PEOPLE, [0, arm]].all()
    ]
    return tuple(shift for shift in found if shift is not None)


def _shift(means: Joint, everyone: CellEffect, people: CellEffect) -> Shift | None:
    whole, rest = everyone.made, people.made
    if whole is None or rest is None:
        return None
    unit = means.error(whole.gradient)
    if not unit > 0:
        return None
    moved = (whole.difference - rest.difference) / unit
    error = means.error(whole.gradient - rest.gradient) / unit
    df = means.degrees(BOTS, everyone.arm)
    enough = means.counts.arm_clusters[BOTS, [0, everyone.arm]].min() >= FEWEST_CLUSTERS
    tested = bool(enough) and error > 0
    p_value = 2 * float(special.stdtr(df, -abs(moved) / error)) if tested else None
    return Shift(everyone=everyone, people=people, moved=moved, error=error, p_value=p_value, df=df)


def _share_gap(evidence: Evidence, bot: Bools) -> ShareGap | None:
    """Compare the share of bots between arms, by what was assigned; None without assignment."""
    design, spec = evidence.design, evidence.spec
    logged = isinstance(spec.design.probability, ColumnProbability)
    if design.kind != "experiment" or (logged and len(design.arms) > 2):  # noqa: PLR2004
        return None
    first, unit = first_rows(design.assigned, exposure_order(design, spec))
    chance = chances(design.arm, design.known, arms=len(design.arms))
    marks = bot.astype(np.float64)
    test = arm_imbalance(marks[:, None], arm=design.arm, chance=chance, unit=unit)
    if test.rank == 0:
        return None
    per_unit = np.bincount(unit, weights=marks).astype(np.float64)
    some = np.flatnonzero(per_unit)
    p_value = test.p_value
    if some.size <= FEW_UNITS:
        rows = first[some]
        rng = generator(spec.seed, "bots by arm")
        p_value = redrawn_p_value(per_unit[some], design.arm[rows], chance[rows], rng=rng)
    visible = noticeable(test.rank, LEVEL) * float(test.std_error.max())
    return ShareGap(p_value=p_value, visible=visible, words=_shares(design, bot))


def _shares(design: Design, bot: Bools) -> str:
    parts = [
        f"{percent(float(bot[design.arm == a].mean()), digits=2)} in {label}"
        for a, label in enumerate(design.arms)
    ]
    return f"their share is {listed(parts)}"


def _judged(
    shifts: tuple[Shift, ...], gap: ShareGap | None, *, share: float
) -> tuple[Status, float | None]:
    """Judge all comparisons as one family; return the smallest p-value of one that counts."""
    tested = [shift for shift in shifts if shift.p_value is not None]
    raw = [float(shift.p_value or 0.0) for shift in tested] + ([gap.p_value] if gap else [])
    adjusted = holm(raw) if raw else np.empty(0)
    counts = [abs(shift.moved) > MATERIAL for shift in tested] + ([True] if gap else [])
    serious = adjusted[np.array(counts, dtype=bool)]
    p_value = float(serious.min()) if serious.size else None
    if p_value is not None and p_value < LEVEL:
        return Status.BROKE, p_value
    if not any(abs(shift.moved) > MATERIAL for shift in shifts):
        return Status.HELD, p_value
    seen = len(tested) == len(shifts) and _visible(shifts) <= SEEN
    seen = seen and (gap is None or gap.visible <= share)
    return (Status.HELD if seen else Status.DID_NOT_RUN), p_value


def _visible(shifts: tuple[Shift, ...]) -> float:
    """Return the shift that is seen half the time, in standard errors, for the worst effect."""
    level = 1 - LEVEL / (len(shifts) + 1)
    return max(t_critical(level, shift.df) * shift.error for shift in shifts)


def _effect_words(worst: Shift, shifts: tuple[Shift, ...]) -> list[str]:
    whole, rest = worst.everyone.made, worst.people.made
    if whole is None or rest is None:
        return []
    said = [
        f"leaving them out moves {worst.name} most, from {amount(whole.difference)} to "
        f"{amount(rest.difference)} ({amount(abs(worst.moved))} standard errors)"
    ]
    if abs(worst.moved) <= MATERIAL:
        return [*said, f"a shift below {MATERIAL:g} standard errors changes no answer"]
    if any(shift.p_value is None for shift in shifts):
        fewest = f"fewer than {FEWEST_CLUSTERS} clusters of bots in an arm"
        return [*said, f"too little data to tell that from luck: {fewest}"]
    seen = f"{amount(_visible(shifts))} could have been seen"
    return [*said, seen]


def _details(shifts: tuple[Shift, ...], level: float) -> tuple[Detail, ...]:
    return tuple(
        Detail(
            name=name,
            outcome=effect.metric.name,
            arm=effect.means.arms[effect.arm],
            n=int(effect.means.counts.units[effect.cell]),
            estimate=effect.made.difference,
            ci=effect.ends(t_critical(level, effect.df) if effect.interval else None),
        )
        for shift in shifts
        for name, effect in (("with bots", shift.everyone), ("without bots", shift.people))
        if effect.made is not None
    )
