"""Power: closed forms against other libraries, against simulated studies, and by every door."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.power import NormalIndPower
from statsmodels.stats.proportion import power_proportions_2indep
from typer.testing import CliRunner

import whatif as wi
from tests.benchmarks import checks_power as simulated
from whatif.api.answer import Answer
from whatif.api.study import Study
from whatif.base.arrays import Floats
from whatif.base.errors import UsageError
from whatif.cli import app
from whatif.contract.spec import OutcomeSpec
from whatif.effects.power.precision import AtAnyTime, Fixed, Law, Precision
from whatif.effects.power.row import PowerRow
from whatif.verdict.chances import reading_chances
from whatif.verdict.record import Reading

KEYS: dict[str, Any] = {
    "unit": "session_id",
    "cluster": "customer_id",
    "assigned": "session_id",
    "time": "started_at",
    "treatment": {"column": "presentation", "control": "folded"},
    "design": {"kind": "experiment", "probability": {"folded": 0.5, "expanded": 0.5}},
    "outcomes": [
        {"column": "converted", "matters_from": 0.01},
        {"column": "shipping_cost", "better": "lower"},
    ],
    "ratios": [
        {
            "name": "cost_per_order",
            "numerator": "shipping_cost",
            "denominator": "converted",
            "role": "guardrail",
            "limit": 0.25,
            "better": "lower",
        }
    ],
    "segments": ["device"],
}


@pytest.fixture(scope="module")
def log() -> pd.DataFrame:
    """A log of repeated customers."""
    return wi.simulate_checkout(6_000, seed=3)


@pytest.fixture(scope="module")
def answer(log: pd.DataFrame) -> Answer:
    """A run of it."""
    return wi.study(log, **KEYS).run(quick=True)


def rows_of(study: Study, **wish: Any) -> list[PowerRow]:
    """Return the rows of a plan."""
    return list(study.power(**wish))


def singles(n: int, *, share: float, chances: dict[str, float], **keys: Any) -> Study:
    """Return a study of n single units, of which an exact share ordered, and an amount."""
    frame = pd.DataFrame(
        {
            "ordered": (np.arange(n) < share * n).astype(float),
            "spent": np.tile([1.0, 2.0, 3.0, 6.0], n // 4),
        }
    )
    return wi.study(
        frame,
        treatment={"column": "arm", "control": "a"},
        design={"kind": "experiment", "probability": chances},
        outcomes=[{"column": "ordered"}, {"column": "spent"}],
        **keys,
    )


@pytest.mark.parametrize("treated", [0.5, 0.2])
def test_two_proportions_equal_the_closed_form_of_statsmodels(treated: float) -> None:
    study = singles(40_000, share=0.05, chances={"a": 1 - treated, "b": treated})
    first = rows_of(study, units=100_000)[0]
    assert first.smallest is not None
    known = power_proportions_2indep(
        first.smallest, 0.05, 100_000 * treated, ratio=(1 - treated) / treated, return_results=False
    )
    assert known == pytest.approx(0.8, rel=2e-3 if treated == 0.5 else 0.03)
    variance = 0.05 * 0.95 / (1 - treated)
    moved = 0.05 + first.smallest
    variance = (variance + moved * (1 - moved) / treated) / 100_000
    assert first.smallest == pytest.approx((1.959964 + 0.841621) * np.sqrt(variance), rel=1e-4)


def test_an_amount_equals_the_closed_form_of_statsmodels() -> None:
    second = rows_of(singles(40_000, share=0.05, chances={"a": 0.75, "b": 0.25}), units=20_000)[1]
    alone = NormalIndPower().solve_power(nobs1=5_000, alpha=0.05, power=0.8, ratio=3.0)
    assert second.smallest == pytest.approx(alone * np.sqrt(3.5), rel=1e-3)
    assert second.baseline == pytest.approx(3.0)
    assert second.relative == pytest.approx((second.smallest or 0) / 3.0)


def test_an_effect_asked_for_says_how_many_units_it_needs() -> None:
    study = singles(40_000, share=0.05, chances={"a": 0.5, "b": 0.5})
    asked = rows_of(study, effect=0.004)[0]
    assert asked.units_needed is not None
    enough = rows_of(study, effect=0.004, units=asked.units_needed)[0]
    assert enough.chance == pytest.approx(0.8, abs=1e-3)
    assert enough.smallest == pytest.approx(0.004, rel=1e-3)


@pytest.mark.parametrize("way", simulated.WAYS)
@pytest.mark.parametrize("metric", simulated.METRICS)
def test_simulated_studies_see_the_smallest_effect_four_times_in_five(
    way: str, metric: str
) -> None:
    """1,200 studies of repeated customers; two Monte Carlo errors are .023, skewed costs .015."""
    seen = np.mean([_seen(seed, way, metric) for seed in range(1, 1_201)])
    assert seen == pytest.approx(0.8, abs=0.038)


def _seen(seed: int, way: str, metric: str) -> bool:
    """Read one study with clustered errors by hand; odd seeds have the effect downwards."""
    found = simulated.sessions(seed)
    rng = np.random.default_rng(seed)
    coins = rng.random(simulated.CUSTOMERS)[found.cluster]
    if way == "session":
        coins = rng.random(simulated.SESSIONS)
    arm = coins < simulated.CHANCES[1]
    sign = -1.0 if seed % 2 and metric != "converted" else 1.0
    none: Floats = np.zeros(simulated.SESSIONS)
    effect: Floats = sign * simulated.smallest()[way, metric] * arm.astype(np.float64)
    y = found.outcomes(
        lift=effect if metric == "converted" else none,
        extra=effect if metric == "cost" else none,
        dearer=effect if metric == "cost_per_order" else none,
    )
    psi, value = np.zeros(simulated.SESSIONS), 0.0
    for inside, side in ((arm, 1.0), (~arm, -1.0)):
        bottom = y[:, 0] if metric == "cost_per_order" else np.ones(simulated.SESSIONS)
        top = y[:, 0] if metric == "converted" else y[:, 1]
        mean = top[inside].sum() / bottom[inside].sum()
        value += side * mean
        psi += side * inside * (top - mean * bottom) / bottom[inside].sum()
    error = np.sqrt((np.bincount(found.cluster, psi) ** 2).sum())
    return bool(sign * value > 1.963 * error)


def test_the_benchmark_has_a_row_for_every_way_metric_and_effect() -> None:
    sizes = simulated.smallest()
    made = simulated.table([one for seed in (1, 2) for one in simulated.look(seed, sizes=sizes)])
    assert len(made) == 12
    assert set(made["draws"]) == {2}


def test_customers_that_share_an_arm_need_more_than_sessions(log: pd.DataFrame) -> None:
    by = {(row.assigned, row.outcome): row for row in rows_of(wi.study(log, **KEYS))[:1]}
    made = {
        (row.assigned, row.outcome, row.segment): row.smallest or 0.0
        for row in rows_of(wi.study(log, **KEYS))
    }
    assert next(iter(by)) == ("session_id", "converted")
    for (assigned, outcome, segment), size in made.items():
        if assigned == "customer_id":
            assert size > made["session_id", outcome, segment]


def test_history_needs_no_arm_and_reads_none(log: pd.DataFrame) -> None:
    whole = wi.study(log, **KEYS).power(units=50_000).to_frame()
    bare = wi.study(log.drop(columns="presentation"), **KEYS).power(units=50_000).to_frame()
    one = wi.study(log.assign(presentation="folded"), **KEYS).power(units=50_000).to_frame()
    pd.testing.assert_frame_equal(whole, bare)
    pd.testing.assert_frame_equal(whole, one)


def test_a_plan_agrees_with_the_run_it_plans(log: pd.DataFrame, answer: Answer) -> None:
    own = [row for row in wi.study(log, **KEYS).power() if row.assigned == "session_id"]
    seen = {(row.outcome, row.segment): row for row in answer.power()}
    for row in own:
        assert seen[row.outcome, row.segment].smallest == pytest.approx(row.smallest, rel=0.08)


def test_covariates_shrink_the_smallest_effect() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=4_000)
    frame = pd.DataFrame({"x": x, "y": x + 0.5 * rng.normal(size=4_000)})
    keys: dict[str, Any] = {
        "treatment": {"column": "arm", "control": 0},
        "design": {"kind": "experiment", "probability": {"0": 0.5, "1": 0.5}},
        "outcomes": [{"column": "y"}],
    }
    raw = rows_of(wi.study(frame, **keys))[0].smallest or 0.0
    adjusted = rows_of(wi.study(frame, **keys, covariates=["x"]))[0].smallest or 0.0
    assert adjusted / raw == pytest.approx(np.sqrt(0.25 / 1.25), rel=0.05)


def test_a_run_says_what_it_could_see(answer: Answer) -> None:
    effects = {(r.outcome, r.segment): r for r in answer.findings.effects.effects}
    for row in answer.power():
        effect = effects[row.outcome, row.segment]
        assert row.std_error == pytest.approx(effect.std_error)
        low, high = effect.read_from
        assert low is not None
        assert high is not None
        assert row.half_width == pytest.approx((high - low) / 2, rel=1e-6)
        assert row.smallest == pytest.approx(row.half_width + 0.842 * row.std_error, rel=2e-3)
    first = answer.power().records[0]
    assert first.times == pytest.approx((first.smallest / 0.01) ** 2, rel=0.01)


def test_the_answer_holds_power_and_keeps_its_schema(answer: Answer) -> None:
    stored = json.loads(answer.json)
    schema = json.loads((Path(__file__).parents[1] / "data_schemas/answer.v1.json").read_text())
    part = {"$defs": schema["$defs"], **schema["properties"]["power"]}  # it refers to them
    jsonschema.validate(stored["power"], part)
    smallest = [row["smallest"] for row in stored["power"]]
    assert smallest == [row.smallest for row in answer.power()]
    assert "The smallest effect this study could see" in answer.html


def test_readings_of_a_guardrail_are_those_of_its_limit(answer: Answer) -> None:
    made = [one for one in answer.reading_chances() if one.outcome == "cost_per_order"]
    at = {effect: sum(o.chance for o in made if o.effect == effect) for effect in (0.0, 0.25, 0.5)}
    assert at == pytest.approx({0.0: 1.0, 0.25: 1.0, 0.5: 1.0})
    row = next(row for row in answer.power() if row.outcome == "cost_per_order")
    within = next(o for o in made if o.effect == 0 and o.reading is Reading.WITHIN_LIMIT)
    assert row.chance == pytest.approx(within.chance)


@pytest.mark.parametrize("looks", ["anytime", "scheduled"])
def test_looking_often_sees_only_larger_effects(log: pd.DataFrame, looks: str) -> None:
    every = {"every": "14d"} if looks == "scheduled" else {}
    keys = KEYS | {"decision": {"on": "2026-10-31", "looks": looks, **every}}
    often = wi.study(log, **keys)
    once, planned = rows_of(wi.study(log, **KEYS))[0], rows_of(often)[0]
    assert (planned.smallest or 0) > (once.smallest or 1)
    run = often.run(quick=True)
    seen = run.power().records[0]
    low, high = run.effects().rows[0].sequential or (None, None)
    assert low is not None
    assert high is not None
    assert seen.half_width == pytest.approx((high - low) / 2, rel=1e-3)
    assert seen.smallest == pytest.approx(planned.smallest, rel=0.1)


def test_more_data_is_solved_for_where_critical_values_move() -> None:
    sequence = AtAnyTime(alpha=0.05, progress=0.3)
    made = Precision(still=0.04, clusters=1_000, critical=sequence)
    times = made.times(0.3)
    assert times is not None
    assert made.law(times=times).reach() == pytest.approx(0.3)


def test_no_share_can_rise_beyond_one() -> None:
    few = Precision(still=0.05, moved=0.05, share=0.9, clusters=20, critical=Fixed.of(1.96, 1e6))
    assert few.smallest() is None


def test_too_few_clusters_have_no_numbers(log: pd.DataFrame) -> None:
    tiny = rows_of(wi.study(log, **KEYS), units=40)
    assert all(row.smallest is None and row.chance is None for row in tiny)
    assert {row.shown for row in tiny if row.segment} == {"suppressed"}


@given(
    half=st.floats(0.1, 5),
    error=st.floats(0.05, 3),
    matters=st.floats(0.01, 4) | st.none(),
    better=st.sampled_from(["higher", "lower"]),
)
def test_chances_of_readings_add_up_and_mirror(
    half: float, error: float, matters: float | None, better: Any
) -> None:
    metric = OutcomeSpec(column="y", matters_from=matters, better=better)
    made = reading_chances(metric, lambda _: Law(error=error, half_width=half, df=50), size=1.0)
    for effect in {one.effect for one in made}:
        assert sum(one.chance for one in made if one.effect == effect) == pytest.approx(1.0)
    at = {one.reading: one.chance for one in made if one.effect == 0.0}
    good, bad = at.get(Reading.BETTER, 0.0), at.get(Reading.WORSE, 0.0)
    assert good == pytest.approx(bad, abs=1e-12)
    assert {one.effect >= 0 for one in made} == {True} or better == "lower"


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        ({"units": 10, "days": 3}, "both units and days"),
        ({"units": 0}, "units = 0"),
        ({"effect": -0.1}, "effect = -0.1"),
    ],
)
def test_a_wish_without_sense_is_refused(
    log: pd.DataFrame, wish: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        wi.study(log, **KEYS).power(**wish)


def test_days_need_a_time_column(log: pd.DataFrame) -> None:
    timeless = {name: value for name, value in KEYS.items() if name != "time"}
    with pytest.raises(UsageError, match="names no time column"):
        wi.study(log, **timeless).power(days=10)


def test_chances_that_are_not_declared_are_equal_and_it_says_so(log: pd.DataFrame) -> None:
    keys = KEYS | {"design": {"kind": "observational"}}
    made = wi.study(log, **keys).power()
    assert "no constant chances" in made.note
    assert made.records[0].arm == "the other arm"
    same = wi.study(log, **KEYS).power().records[0]
    assert replace(made.records[0], arm=same.arm) == same


def test_a_window_counts_customers(log: pd.DataFrame) -> None:
    keys = KEYS | {
        "unit": "customer_id",
        "assigned": "customer_id",
        "window": "14d",
        "segments": [],
    }
    made = rows_of(wi.study(log, **keys))
    assert {row.assigned for row in made} == {"customer_id"}
    assert made[0].units == made[0].clusters


def test_the_command_prints_words_or_json(tmp_path: Path, log: pd.DataFrame) -> None:
    log.drop(columns="presentation").to_parquet(tmp_path / "log.parquet")
    study = {"study": "next", "data": {"source": "log.parquet"}, **KEYS}
    (tmp_path / "study.yaml").write_text(json.dumps(study))
    path = str(tmp_path / "study.yaml")
    words = CliRunner().invoke(app, ["power", path, "--days", "30"])
    assert words.exit_code == 0
    assert "Arms go to each session_id" in words.stdout
    assert "Arms go to each customer_id, which the study does not declare" in words.stdout
    made = CliRunner().invoke(app, ["power", path, "--units", "50000", "--json"])
    record = json.loads(made.stdout)
    assert (record["schema"], record["units"]) == ("power.v1", 50_000)
    assert record["power"][0]["smallest"] > 0
    refused = CliRunner().invoke(app, ["power", path, "--units", "1", "--days", "2"])
    assert refused.exit_code == 2
