"""The demo study with every block a page can have: looks, bounds, cuts after looking and so on."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from tests.report_cases import (
    SIZES,
    checkout_report,
    checkout_rows,
    checkout_spec,
    effect,
    observational_report,
)
from tests.scenario_cases import scenario_text
from whatif.effects.bounds.row import BoundsRow
from whatif.effects.populations import PopulationRow
from whatif.effects.repetitions import RepetitionSpread
from whatif.effects.rows import EffectRow, EffectRows, HeterogeneityRow, RestRow
from whatif.report.document import Report
from whatif.verdict.readings import readings

CUTS: dict[str, dict[str | bool, float]] = {
    "is_member": {True: 0.4, False: 0.6},
    "browser": {"chrome": 0.7, "other": 0.3},
}


def bounds(**changes: object) -> BoundsRow:
    """Return bounds on the cost of the same sessions, for everyone."""
    row = BoundsRow(
        outcome="shipping_cost",
        among="converted",
        arm="expanded",
        versus="folded",
        segment=(),
        n=200_000,
        clusters=61_000,
        bounds=(-0.061, 0.243),
        std_error=(0.041, 0.044),
        ci=(-0.132, 0.318),
        share=0.3306,
        trimmed=(0.0, 0.0362),
        settled=8,
        unsettled=2,
        left_out=0.0,
        shown="shown",
        target="ate",
    )
    return replace(row, **changes)  # type: ignore[arg-type]


def looked_rows() -> tuple[EffectRow, ...]:
    """Return effects by cuts that were made after looking: members stand out."""
    return tuple(
        replace(
            row,
            ci=row.band,
            relative=None,
            planned=False,
            family="undeclared cuts · 12 effects tried",
            p_value=0.004 if level is True and outcome == "converted" else 0.62,
        )
        for column, shares in CUTS.items()
        for outcome in SIZES
        for level, share in shares.items()
        for row in [effect(outcome, ((column, level),), share=share)]
    )


def looked_tests() -> tuple[HeterogeneityRow, ...]:
    """Return the tests of those cuts."""
    return tuple(
        HeterogeneityRow(
            outcome=outcome,
            arm="expanded",
            dimension=(column,),
            statistic=1.2,
            p_value=0.03 if (column, outcome) == ("is_member", "converted") else 1.0,
            df=(1, 60_998),
            planned=False,
        )
        for column in CUTS
        for outcome in SIZES
    )


def rest_rows() -> tuple[RestRow, ...]:
    """Return each declared segment against the rest of its dimension."""
    return tuple(
        RestRow(
            outcome=row.outcome,
            arm=row.arm,
            versus=row.versus,
            segment=row.segment,
            estimate=row.estimate - SIZES[row.outcome][1],
            std_error=row.std_error,
            ci=(row.estimate - 0.9, row.estimate + 0.9),
            band=(row.estimate - 1.7531, row.estimate + 1.7531),
            family=f"{row.family} · against the rest",
            critical=2.57,
            df=row.df,
            target="ate",
        )
        for row in checkout_rows().effects
        if row.segment and row.estimate is not None and row.std_error is not None
    )


def population_rows() -> tuple[PopulationRow, ...]:
    """Return the overall effects in other populations; everyone is an extrapolation."""
    kinds: tuple[tuple[str, Literal["ate", "att", "overlap"], int, float], ...] = (
        ("optimal", "ate", 171_344, 0.0),
        ("everyone", "ate", 200_000, 0.031),
        ("0.01–0.99", "ate", 193_800, 0.0),
        ("0.02–0.98", "ate", 193_800, 0.0),
        ("0.05–0.95", "ate", 184_020, 0.0),
        ("0.1–0.9", "ate", 171_344, 0.0),
        ("att", "att", 200_000, 0.002),
        ("overlap", "overlap", 200_000, 0.0),
    )
    return tuple(
        PopulationRow(
            population=name,
            target=target,
            outcome=outcome,
            arm="expanded",
            versus="folded",
            estimate=size,
            std_error=error,
            n=n,
            clusters=61_000,
            outside=outside,
            extrapolates=outside > 0.01,
            described=f"all sessions that are not bots, as {name} has it",
        )
        for name, target, n, outside in kinds
        for outcome, (_, size, error) in SIZES.items()
    )


def repetition_rows() -> tuple[RepetitionSpread, ...]:
    """Return how far overall effects moved over three drawings of the folds."""
    return tuple(
        RepetitionSpread(
            outcome=outcome,
            arm="expanded",
            repetitions=3,
            mean=size,
            median=size,
            sd=0.1 * error,
            monte_carlo_error=0.0577 * error,
            std_error=error,
        )
        for outcome, (_, size, error) in SIZES.items()
    )


def _looked_at(row: EffectRow) -> EffectRow:
    """Return a row whose sequential range is twice as wide as its band."""
    low, high = row.band
    if not row.planned or row.estimate is None or low is None or high is None:
        return row
    return replace(row, sequential=(2 * low - row.estimate, 2 * high - row.estimate))


def everything_report() -> Report:
    """Return past data, looked at anytime, with every block that a page can have."""
    base = observational_report()
    spec = checkout_spec(
        design={"kind": "observational"},
        decision={"looks": "anytime"},
        exploratory=list(CUTS),
        repetitions=3,
        weights="sampling_weight",
        estimators=["aipw"],
    )
    rows = checkout_rows()
    effects = EffectRows(
        effects=(*map(_looked_at, rows.effects), *looked_rows()),
        heterogeneity=(*rows.heterogeneity, *looked_tests()),
        level=0.95,
        rest=rest_rows(),
    )
    money = checkout_report().money
    return replace(
        base,
        spec=spec,
        effects=effects,
        verdict=replace(base.verdict, readings=readings(effects, spec)),
        opinions=(),
        bounds=(bounds(), bounds(segment=(("device", "mobile"),))),
        populations=population_rows(),
        repetitions=repetition_rows(),
        money=None if money is None else replace(money, ci=(-1_203.0, 26_400.0)),
    )


def treated_report() -> Report:
    """Return the same numbers about the sessions that got the arm, where no bounds are known."""
    base = observational_report()
    rows = tuple(replace(row, target="att") for row in base.effects.effects)
    return replace(
        base,
        spec=checkout_spec(
            design={"kind": "observational"},
            target="att",
            estimators=["aipw"],
            value={"currency": "USD", "per": {"converted": 18.0}, "units_per_month": 40_000},
        ),
        effects=replace(base.effects, effects=rows),
        opinions=(),
        money=checkout_report().money,
        scenario=scenario_text("urbanicity", arms=3, outcomes=3, target="att"),
        bounds=(
            bounds(
                bounds=(None, None),
                std_error=(None, None),
                ci=(None, None),
                share=None,
                trimmed=None,
                settled=0,
                unsettled=0,
                shown="other_target",
                target="att",
            ),
        ),
    )
