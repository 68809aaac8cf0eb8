"""A checkout study as the report room receives it: records only, no rooms below are run."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from tests.report_checks import CHECKS, SRM_BROKE
from whatif.base.errors import Notice, Problem
from whatif.base.records import BreakEven, DataSummary, Money, NuisanceQuality, OverlapSummary
from whatif.contract.spec import StudySpec
from whatif.effects.rows import EffectRow, EffectRows, HeterogeneityRow, Relative, Segment, Shown
from whatif.graph.estimand import Estimand
from whatif.report.document import Report
from whatif.verdict.readings import readings
from whatif.verdict.record import Decision, Verdict

SHARES = {"dense_urban": 0.22, "urban": 0.31, "suburban": 0.27, "rural": 0.15, "remote_rural": 0.05}
DEVICES = {"mobile": 0.64, "desktop": 0.36}
SESSIONS = 200_000
# outcome: control mean, effect, error at 200,000 sessions
SIZES = {
    "converted": (0.3312, 0.0121, 0.0016),
    "shipping_cost": (1.741, 0.102, 0.021),
    "cost_per_order": (5.257, 0.116, 0.044),
}
LEAN = {"dense_urban": 1.6, "urban": 1.2, "suburban": 0.9, "rural": 0.3, "remote_rural": -0.4}
EDGES = (
    ("urbanicity", "converted"),
    ("urbanicity", "shipping_cost"),
    ("distance_km", "shipping_cost"),
    ("urbanicity", "distance_km"),
    ("is_member", "converted"),
    ("tenure_days", "is_member"),
    ("cart_value", "converted"),
    ("cart_value", "shipping_cost"),
    ("device", "converted"),
    ("presentation", "option"),
    ("option", "converted"),
    ("option", "shipping_cost"),
    ("patience", "converted"),
    ("patience", "option"),
)


def checkout_spec(**changes: object) -> StudySpec:
    """Return the study file of the demo study, with top-level keys changed."""
    base: dict[str, object] = {
        "study": "mobile-expanded-options",
        "question": "Does showing every delivery option at checkout raise conversion, and what "
        "does it do to shipping cost?",
        "data": {
            "source": "data/checkout/*.parquet",
            "contract": "checkout_sessions.v1",
            "where": "not is_bot",
        },
        "unit": "session_id",
        "cluster": "customer_id",
        "assigned": "session_id",
        "time": "started_at",
        "treatment": {"column": "presentation", "control": "folded", "arms": ["expanded"]},
        "design": {"kind": "experiment", "probability": {"folded": 0.5, "expanded": 0.5}},
        "outcomes": [
            {
                "column": "converted",
                "role": "primary",
                "kind": "binary",
                "better": "higher",
                "matters_from": 0.002,
                "per": "session",
            },
            {
                "column": "shipping_cost",
                "kind": "cost",
                "better": "lower",
                "unit": "USD",
                "per": "session",
            },
        ],
        "ratios": [
            {
                "name": "cost_per_order",
                "role": "guardrail",
                "numerator": "shipping_cost",
                "denominator": "converted",
                "better": "lower",
                "limit": 0.25,
                "unit": "USD",
                "per": "order",
            }
        ],
        "covariates": ["tenure_days", "cart_value", "distance_km", "is_member", "hour"],
        "segments": ["urbanicity", "device", ["urbanicity", "device"]],
        "graph": "checkout.dot",
        "estimators": ["aipw", "econml.LinearDML", "econml.CausalForestDML"],
        "value": {"currency": "USD", "per": {"converted": 18.0, "shipping_cost": -1.0}},
    }
    return StudySpec.model_validate({**base, **changes})


def effect(
    outcome: str,
    segment: Segment = (),
    *,
    share: float = 1.0,
    factor: float = 1.0,
    shown: Shown = "shown",
    shrunk: bool = False,
    arm: str = "expanded",
) -> EffectRow:
    """Return one effect of `SIZES`, scaled to a segment with this share of the sessions."""
    baseline, size, error = SIZES[outcome]
    estimate, error = size * factor, error / share**0.5
    critical = 1.96 if not segment else 2.57
    hidden = shown != "shown"
    return EffectRow(
        outcome=outcome,
        arm=arm,
        versus="folded",
        segment=segment,
        n=round(SESSIONS * share),
        clusters=round(61_000 * share),
        baseline=None if hidden else baseline,
        estimate=None if hidden else estimate,
        std_error=None if hidden else error,
        ci=(None, None) if hidden else (estimate - 1.96 * error, estimate + 1.96 * error),
        band=(None, None) if hidden else (estimate - critical * error, estimate + critical * error),
        relative=None
        if hidden
        else Relative(
            estimate=estimate / baseline,
            ci=((estimate - 1.96 * error) / baseline, (estimate + 1.96 * error) / baseline),
        ),
        shrunk=0.7 * estimate + 0.3 * size if shrunk and not hidden else None,
        planned=True,
        estimator="aipw",
        family=f"{outcome}|{arm}|{'×'.join(column for column, _ in segment) or 'overall'}",
        critical=critical,
        df=60_999,
        shown=shown,
    )


def checkout_rows() -> EffectRows:
    """Return overall effects, then urbanicity, device and their cross for every metric."""
    rows = [effect(outcome) for outcome in SIZES]
    for outcome in SIZES:
        for place, share in SHARES.items():
            cell: Segment = (("urbanicity", place),)
            rows.append(effect(outcome, cell, share=share, factor=LEAN[place], shrunk=True))
        for device, share in DEVICES.items():
            rows.append(effect(outcome, (("device", device),), share=share))
        for place, share in SHARES.items():
            for device, part in DEVICES.items():
                few = (place, device) == ("remote_rural", "desktop")
                none = (place, device) == ("remote_rural", "mobile") and outcome != "converted"
                rows.append(
                    effect(
                        outcome,
                        (("urbanicity", place), ("device", device)),
                        share=share * part,
                        factor=LEAN[place],
                        shown="suppressed" if few else "no_overlap" if none else "shown",
                        shrunk=True,
                    )
                )
    tests = tuple(
        HeterogeneityRow(
            outcome=outcome,
            arm="expanded",
            dimension=dimension,
            statistic=statistic,
            p_value=p_value,
            df=df,
        )
        for outcome in SIZES
        for dimension, statistic, p_value, df in (
            (("urbanicity",), 4.81, 0.00071, (4, 60_995)),
            (("device",), 0.42, 0.517, (1, 60_998)),
            (("urbanicity", "device"), 2.11, 0.0312, (8, 60_990)),
        )
    )
    return EffectRows(effects=tuple(rows), heterogeneity=tests, level=0.95)


def opinion(row: EffectRow, estimator: str, *, gap: float, interval: bool) -> EffectRow:
    """Return a second opinion on an overall effect."""
    assert row.estimate is not None
    assert row.std_error is not None
    estimate, error = row.estimate + gap, 0.93 * row.std_error
    ends = (estimate - 1.96 * error, estimate + 1.96 * error) if interval else (None, None)
    return replace(
        row,
        estimate=estimate,
        std_error=error if interval else None,
        ci=ends,
        band=ends,
        relative=None,
        shrunk=None,
        baseline=None,
        estimator=estimator,
        family="its own range, not clustered" if interval else "no range to rely on",
    )


def checkout_report(**changes: object) -> Report:
    """Return the report of the demo study, with fields changed."""
    spec, rows = checkout_spec(), checkout_rows()
    overall = rows.effects[:3]
    report = Report(
        spec=spec,
        data=DataSummary(
            source="data/checkout/*.parquet",
            contract="checkout_sessions.v1",
            fingerprint="9f" * 32,
            rows=203_117,
            units=SESSIONS,
            clusters=61_000,
            arms=(("folded", 100_112), ("expanded", 99_888)),
            period=(dt.date(2026, 9, 6), dt.date(2026, 10, 31)),
            as_of=dt.date(2026, 10, 31),
            days=56,
        ),
        estimand=Estimand(
            treatment="presentation",
            outcomes=("converted", "shipping_cost"),
            adjustment=("cart_value", "distance_km", "hour", "is_member", "tenure_days"),
            assumptions=(
                "Each session was assigned by chance with the declared probabilities.",
                "What one session is shown does not change what another one does.",
            ),
            source="randomised",
            edges=tuple(sorted(EDGES)),
            hidden=("patience",),
        ),
        design_kind="experiment",
        population="all sessions that are not bots",
        effects=rows,
        opinions=tuple(
            opinion(row, name, gap=gap * (row.std_error or 0.0), interval=interval)
            for row in overall
            if row.outcome != "cost_per_order"
            for name, gap, interval in (
                ("econml.LinearDML", 0.08, True),
                ("econml.CausalForestDML", -0.21, False),
            )
        ),
        checks=CHECKS,
        verdict=Verdict(
            decision=Decision.ROLL_OUT,
            arm="expanded",
            chosen_after_looking=False,
            where="everyone",
            headline="Roll out expanded for everyone.",
            reasons=(
                "Converted is better with expanded.",
                "Cost per order stays within its limit with expanded.",
                "The covariate balance check broke: tenure_days differs by 0.11 standard "
                "deviations before treatment; 0.10 was the line.",
            ),
            would_change=(
                "A later run in which converted no longer reads the same, or with a guardrail "
                "outside its limit.",
            ),
            readings=readings(rows, spec),
        ),
        quality=(
            NuisanceQuality(
                target="converted",
                arm="folded",
                chosen="25 % glm, 75 % boosting",
                loss_name="log loss",
                losses=(
                    ("glm", 0.5912),
                    ("boosting", 0.5807),
                    ("blend", 0.5799),
                    ("constant", 0.6351),
                ),
                gain=0.0869,
                weights=(("glm", 0.2513), ("boosting", 0.7487)),
                intercept=0.0124,
                slope=0.9621,
            ),
            NuisanceQuality(
                target="shipping_cost",
                arm="expanded",
                chosen="glm",
                loss_name="squared error",
                losses=(("glm", 8.93), ("boosting", 8.95), ("constant", 9.812)),
                gain=0.0899,
                weights=(("glm", 1.0), ("boosting", 0.0)),
                intercept=-0.021,
                slope=1.0147,
            ),
        ),
        overlap=(
            OverlapSummary(
                arm="folded",
                known=True,
                low=0.5,
                median=0.5,
                high=0.5,
                edges=tuple(i / 20 for i in range(21)),
                counts=(*(0,) * 10, SESSIONS, *(0,) * 9),
            ),
            OverlapSummary(
                arm="expanded",
                known=True,
                low=0.5,
                median=0.5,
                high=0.5,
                edges=tuple(i / 20 for i in range(21)),
                counts=(*(0,) * 10, SESSIONS, *(0,) * 9),
            ),
        ),
        notices=(
            Notice(
                code="small_segment",
                problem=Problem(
                    what="1 of 10 cells of urbanicity × device has fewer than 20 orders in an arm.",
                    why="Its error would be a guess.",
                    fix="Wait for more data, or merge remote rural with rural.",
                ),
            ),
        ),
        run_id="3f9c1b7a" * 8,
        versions=(("dowhy", "0.14"), ("econml", "0.17.0"), ("whatif", "0.1.0")),
        seed=0,
        kinds=(("converted", "binary"), ("shipping_cost", "cost")),
        money=Money(
            arm="expanded",
            versus="folded",
            currency="USD",
            units_per_month=108_714.3,
            estimate=12_589.4,
            ci=(6_120.7, 19_058.1),
            break_even=BreakEven(
                outcome="converted",
                value=8.43,
                kind="interval",
                ends=(6.02, 11.87),
                pays_above=True,
            ),
        ),
        next_due="2026-11-09T19:00:00+00:00",
        made_at=dt.date(2026, 10, 31),
    )
    return replace(report, **changes)  # type: ignore[arg-type]


def withheld_report() -> Report:
    """Return the same run with a broken sample ratio."""
    report = checkout_report(checks=SRM_BROKE)
    verdict = replace(
        report.verdict,
        decision=Decision.CANNOT_BE_TRUSTED,
        headline="These numbers cannot be trusted.",
        reasons=(f"The sample ratio check broke: {SRM_BROKE[0].finding}",),
        would_change=("A run in which the sample ratio check holds.",),
    )
    return replace(report, verdict=verdict)


def observational_report() -> Report:
    """Return the same numbers from past data, with estimated chances of each arm."""
    report = checkout_report(design_kind="observational", money=None, next_due=None)
    low = (0, 40, 900, 5_200, 11_800, 16_900, 21_400, 24_100, 25_000, 22_300)
    high = (19_800, 16_100, 12_700, 9_400, 6_900, 4_300, 2_200, 760, 190, 10)
    overlap = tuple(
        OverlapSummary(
            arm=arm,
            known=False,
            low=0.0612,
            median=0.4417,
            high=0.9633,
            edges=tuple(i / 20 for i in range(21)),
            counts=(*low, *high),
        )
        for arm in ("folded", "expanded")
    )
    verdict = replace(
        report.verdict,
        decision=Decision.WORTH_TESTING,
        headline="Worth testing: expanded for everyone.",
    )
    estimand = replace(report.estimand, source="graph")
    return replace(report, overlap=overlap, verdict=verdict, estimand=estimand)
