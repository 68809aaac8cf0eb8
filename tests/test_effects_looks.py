"""Looking more than once: the ranges of effect rows, and how often they miss in twenty weeks."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from tests import builders
from tests.benchmarks import looks as weekly
from whatif.base.arrays import Floats
from whatif.contract.spec import StudySpec
from whatif.effects.contrasts import Metric, contrast
from whatif.effects.looks.anytime import UNITS_PLANNED
from whatif.effects.looks.critical import anytime_critical, boundaries
from whatif.effects.looks.ranges import net_value, outcome_value, take_looks, with_looks
from whatif.effects.looks.rules import Quantity
from whatif.effects.looks.scheduled import past_means, schedule_of, scheduled_range
from whatif.effects.rows import EffectRow, EffectRows, Ends
from whatif.effects.table import effect_rows
from whatif.scores.record import Scores

DAY = dt.date(2026, 9, 1)
ON = dt.date(2026, 10, 6)
SCHEDULED = {"on": ON, "looks": "scheduled"}
REGION = (("region", "a"),)


# ---- scores over five weeks, customers coming back


def _scores(n: int = 4_000, *, customers: int = 1_000, seed: int = 0, days: int = 36) -> Scores:
    rng = np.random.default_rng(seed)
    cluster = rng.integers(0, customers, n)
    own = rng.normal(size=(customers, 2, 2))
    gamma = np.array([[5.0, 9.0], [5.3, 9.2]]) + own[cluster] + rng.normal(size=(n, 2, 2))
    moments = pd.Timestamp(DAY) + pd.to_timedelta(rng.integers(0, days * 24, n), unit="h")
    region, device = rng.choice(list("abc"), n), rng.choice(["desktop", "mobile"], n)
    columns = pd.DataFrame({"at": moments, "region": region, "device": device})
    made = builders.scores(gamma, cluster, columns, seed=seed)
    return replace(made, weight=rng.uniform(0.5, 2.0, n), mass=rng.uniform(0.5, 1.5, n))


def _spec(decision: dict[str, object], **changes: object) -> StudySpec:
    return builders.spec(decision=decision, time="at", segments=["region"], **changes)


def _looked(scores: Scores, spec: StudySpec) -> tuple[EffectRow, ...]:
    means, effects = effect_rows(scores, spec)
    return with_looks(effects, take_looks(scores, means, spec), means, spec).effects


def _row(rows: tuple[EffectRow, ...], outcome: str, segment: object = ()) -> EffectRow:
    return next(row for row in rows if (row.outcome, row.segment) == (outcome, segment))


def _up_to(scores: Scores, day: dt.date) -> np.ndarray:
    return (scores.columns["at"] < pd.Timestamp(day) + pd.Timedelta(days=1)).to_numpy()


def _psi(scores: Scores, rows: np.ndarray, metric: Metric, clusters: int) -> tuple[float, Floats]:
    """Difference of a metric over `rows` and its influence summed by cluster, by definition."""
    weight = scores.weight * rows
    total = weight @ scores.mass
    theta = np.einsum("i,iak->ak", weight, scores.gamma) / total
    unit = weight[:, None, None] * (scores.gamma - theta * scores.mass[:, None, None]) / total
    sums = np.zeros((clusters, 2, 2))
    np.add.at(sums, scores.cluster, unit)
    if metric.denominator is None:
        arm = sums[:, :, metric.numerator]
        level = theta[:, metric.numerator]
    else:
        level = theta[:, metric.numerator] / theta[:, metric.denominator]
        arm = sums[:, :, metric.numerator] - level * sums[:, :, metric.denominator]
        arm = arm / theta[:, metric.denominator]
    return float(level[1] - level[0]), arm[:, 1] - arm[:, 0]


@pytest.mark.parametrize(
    "metric", [Metric(name="c", numerator=1), Metric(name="r", numerator=1, denominator=0)]
)
def test_covariance_across_looks_is_that_of_clustered_influence_values(metric: Metric) -> None:
    scores = _scores()
    schedule = schedule_of(scores, _spec(SCHEDULED))
    past = past_means(scores, schedule, np.arange(scores.n))
    assert past is not None
    expected = [_psi(scores, _up_to(scores, day), metric, 1_000) for day in schedule.days]
    psi = np.stack([influence for _, influence in expected])
    seen = np.unique(scores.cluster).size
    made = [contrast(past.means, metric, cell=s, arm=1) for s in past.looks]
    gradients = np.stack([one.gradient for one in made])
    assert [one.difference for one in made] == pytest.approx([value for value, _ in expected])
    np.testing.assert_allclose(
        gradients @ past.means.sigma @ gradients.T, seen / (seen - 1) * psi @ psi.T, rtol=1e-9
    )


def test_the_scheduled_range_is_estimate_and_boundary_of_the_current_look() -> None:
    scores = _scores()
    spec = _spec(SCHEDULED)
    schedule = schedule_of(scores, spec)
    assert (schedule.reached, len(schedule.days), schedule.last_day) == (5, 5, ON)
    metric = Metric(name="converted", numerator=0)
    found = [_psi(scores, _up_to(scores, day), metric, 1_000) for day in schedule.days]
    covariance = np.array([[a @ b for _, a in found] for _, b in found])
    sd = np.sqrt(np.diag(covariance))
    fraction = np.array([((day - DAY).days + 1) / 36 for day in schedule.days])
    critical = boundaries(covariance / np.outer(sd, sd), fraction, 0.05)[-1]
    clusters = np.unique(scores.cluster).size
    error = sd[-1] * np.sqrt(clusters / (clusters - 1))
    half = stats.t.isf(stats.norm.sf(critical), clusters - 1) * error
    ends = _row(_looked(scores, spec), "converted").sequential
    assert ends == pytest.approx((found[-1][0] - half, found[-1][0] + half), rel=1e-9)


def test_nothing_is_read_between_looks() -> None:
    scores = _scores()
    spec = _spec(SCHEDULED | {"on": dt.date(2026, 10, 31), "start": DAY})
    schedule = schedule_of(scores, spec)
    day = schedule.days[schedule.reached - 1]
    later = ~_up_to(scores, day)
    assert later.any()
    moved = np.where(later[:, None, None], 1e3, scores.gamma)
    before, after = _looked(scores, spec), _looked(replace(scores, gamma=moved), spec)
    assert [row.sequential for row in before] == [row.sequential for row in after]
    assert before[0].estimate != after[0].estimate


def test_what_waits_for_the_next_look_is_said() -> None:
    scores, said = _scores(), []
    for on in (ON, dt.date(2026, 10, 10), dt.date(2027, 1, 1), dt.date(2026, 9, 30)):
        spec = _spec(SCHEDULED | {"on": on, "start": DAY, "every": "40d"})
        means, _ = effect_rows(scores, spec)
        looks = take_looks(scores, means, spec)
        assert looks is not None
        said.append([notice.problem.what for notice in looks.notices])
    assert said[0] == []
    assert said[1] == [
        f"The first of 1 looks is on 2026-10-10; {scores.n:,} later units are in the "
        "estimates but not in the words."
    ]
    assert said[2][0].startswith("The words rest on look 1 of 4 (2026-09-03); ")
    assert said[3][0].startswith("The words rest on look 1 of 1 (2026-09-30); ")


def test_a_unit_added_up_over_a_window_counts_when_its_window_is_over() -> None:
    scores = _scores()
    plain = schedule_of(scores, _spec(SCHEDULED))
    window = schedule_of(scores, _spec(SCHEDULED, window="7d"))
    assert window.last_day == plain.last_day + dt.timedelta(days=7)
    first_day = _up_to(scores, DAY)  # its windows end on the day of the first look
    expected = np.where(first_day, 0, np.minimum(plain.look + 1, 5))
    np.testing.assert_array_equal(window.look, expected)


def test_days_end_in_the_zone_of_the_schedule() -> None:
    scores = _scores()
    late = pd.Series(pd.Timestamp("2026-09-08T23:30Z"), index=range(scores.n))
    late[0] = pd.Timestamp(DAY, tz="UTC")
    columns = scores.columns.assign(at=late)
    schedule = {"cron": "0 7 * * 1", "timezone": "Europe/London"}
    for changes, look in (({}, 0), ({"schedule": schedule}, 1)):
        found = schedule_of(replace(scores, columns=columns), _spec(SCHEDULED, **changes))
        assert found.look[1] == look


def test_scheduled_looks_need_moments() -> None:
    with pytest.raises(ValueError, match="need the moment of each row"):
        schedule_of(_scores(), builders.spec(decision=SCHEDULED))


# ---- first looks, families, and what is not looked at


@pytest.mark.parametrize("decision", [{"looks": "anytime"}, SCHEDULED])
@pytest.mark.parametrize(
    ("customers", "events", "orders", "read"),
    [
        (400, 40, 100, (True, True, True)),
        (400, 40, 40, (True, True, False)),  # a ratio needs 50 orders in each arm
        (400, 10, 100, (True, False, True)),
        (99, 40, 100, (False, False, False)),
    ],
)
def test_a_first_look_needs_customers_and_events_in_each_arm(
    decision: dict[str, object], customers: int, events: int, orders: int,
    read: tuple[bool, ...],
) -> None:  # fmt: skip
    made = _scores(customers=customers)
    y = np.zeros((made.n, 2))
    for arm in (0, 1):
        own = np.flatnonzero(made.arm == arm)
        y[own[:orders], 0] = 1.0
        y[own[:events], 1] = 1.0
    rows = _looked(replace(made, y=y), _spec(decision))
    found = tuple(
        _row(rows, name).sequential != (None, None)
        for name in ("converted", "cost", "cost_per_order")
    )
    assert found == read


def test_one_look_has_no_sequential_range() -> None:
    scores = _scores()
    spec = _spec({"looks": "once", "on": ON})
    means, effects = effect_rows(scores, spec)
    assert take_looks(scores, means, spec) is None
    assert with_looks(effects, None, means, spec) is effects
    assert {row.sequential for row in effects.effects} == {None}


def test_anytime_splits_the_error_and_knows_what_the_units_are_worth() -> None:
    scores = _scores()
    money = {"currency": "USD", "per": {"converted": 2.0, "cost": -1.0}}
    for changes, metrics in (({}, 3), ({"value": money}, 4), ({"ratios": []}, 2)):
        spec = _spec({"looks": "anytime"}, **changes)
        rows = _looked(scores, spec)
        for segment, family in (((), metrics), (REGION, 3)):
            row = _row(rows, "converted", segment)
            within = (scores.columns["region"] == "a").to_numpy() if segment else True
            rows_of = np.broadcast_to(within, scores.n)
            alone = replace(scores, cluster=np.arange(scores.n))
            by_row = _psi(alone, rows_of, Metric(name="converted", numerator=0), scores.n)[1]
            assert row.std_error is not None
            assert row.estimate is not None
            worth = rows_of.sum() * (by_row @ by_row) / row.std_error**2
            half = anytime_critical(0.05 / family, worth / UNITS_PLANNED) * row.std_error
            expected = (row.estimate - half, row.estimate + half)
            assert row.sequential == pytest.approx(expected, rel=1e-9)


def test_scheduled_looks_split_the_error_over_segments_only() -> None:
    scores, spec = _scores(), _spec(SCHEDULED)
    rows = _looked(scores, spec)
    schedule = schedule_of(scores, spec)
    quantity = Quantity(parts=((Metric(name="converted", numerator=0), 1.0),))
    for segment, alpha in (((), 1 - 0.95), (REGION, (1 - 0.95) / 3)):
        inside = (scores.columns["region"] == "a").to_numpy() if segment else np.ones(scores.n)
        past = past_means(scores, schedule, np.flatnonzero(inside))
        assert past is not None
        expected = scheduled_range(past, quantity, arm=1, alpha=alpha)
        assert _row(rows, "converted", segment).sequential == expected


@pytest.mark.parametrize("decision", [{"looks": "anytime"}, SCHEDULED])
def test_the_worth_of_an_arm_has_a_range_too(decision: dict[str, object]) -> None:
    """Worth only orders, the value is the effect on orders and its range the same."""
    scores = _scores()
    value = {"currency": "USD", "per": {"converted": 2.0}, "arm_cost": {"expanded": 0.5}}
    spec = _spec(decision, value=value)
    means, effects = effect_rows(scores, spec)
    looks = take_looks(scores, means, spec)
    assert looks is not None
    ends = _row(with_looks(effects, looks, means, spec).effects, "converted").sequential
    assert ends is not None
    expected = [2.0 * end - 0.5 for end in ends if end is not None]
    assert net_value(looks, means, spec, arm=1) == pytest.approx(expected, rel=1e-9)
    with pytest.raises(ValueError, match="declares no value"):
        net_value(looks, means, _spec(decision), arm=1)


@pytest.mark.parametrize("worth", [2.0, -2.0])
def test_one_outcome_alone_is_worth_its_own_range(worth: float) -> None:
    scores = _scores()
    value = {"currency": "USD", "per": {"converted": worth}, "arm_cost": {"expanded": 0.5}}
    spec = _spec({"looks": "anytime"}, value=value)
    means, effects = effect_rows(scores, spec)
    looks = take_looks(scores, means, spec)
    assert looks is not None
    ends = _row(with_looks(effects, looks, means, spec).effects, "converted").sequential
    assert ends is not None
    expected = sorted(worth * end for end in ends if end is not None)
    assert outcome_value(looks, spec, arm=1, outcome="converted") == pytest.approx(expected)
    with pytest.raises(ValueError, match="does not say what 'boxes' is worth"):
        outcome_value(looks, spec, arm=1, outcome="boxes")


def test_what_was_not_declared_or_is_not_shown_is_not_looked_at() -> None:
    scores, spec = _scores(), _spec(SCHEDULED)
    means, effects = effect_rows(scores, spec)
    rows = effects.effects
    changed = (replace(rows[0], planned=False), replace(rows[1], shown="suppressed"), *rows[2:])
    made = with_looks(
        EffectRows(effects=changed, heterogeneity=(), level=0.95),
        take_looks(scores, means, spec),
        means,
        spec,
    ).effects
    assert (made[0].sequential, made[1].sequential) == (None, (None, None))
    assert made[2].read_from == made[2].sequential
    assert (rows[0].read_from, rows[-1].read_from) == (rows[0].ci, rows[-1].band)


def test_an_arm_that_comes_late_starts_the_looks_when_it_comes() -> None:
    scores = _scores()
    day = dt.date(2026, 9, 20)
    arm = np.where(_up_to(scores, day), 0, scores.arm)
    found = past_means(replace(scores, arm=arm), schedule_of(scores, _spec(SCHEDULED)),
                       np.arange(scores.n))  # fmt: skip
    assert found is not None
    assert len(found.looks) == 3
    alone = replace(scores, arm=np.zeros_like(scores.arm))
    nobody = past_means(alone, schedule_of(scores, _spec(SCHEDULED)), np.arange(scores.n))
    assert nobody is None


def test_an_error_of_zero_gives_no_range() -> None:
    scores = _scores()
    flat = replace(scores, gamma=np.ones((scores.n, 2, 2)), mass=np.ones(scores.n))
    for looks in ("anytime", "scheduled"):
        decision = SCHEDULED | {"looks": looks}
        assert _looked(flat, _spec(decision))[0].sequential == (None, None)


# ---- twenty weekly looks


def _ends_at(log: weekly.Log, week: int, decision: dict[str, object]) -> Ends:
    rows = log.week <= week
    gamma = np.zeros((int(rows.sum()), 2, 2))
    gamma[:, 1, 0] = log.gain[rows]
    moments = pd.Timestamp(DAY) + pd.to_timedelta(7 * log.week[rows] + 6, unit="D")
    columns = pd.DataFrame({"at": moments})
    made = builders.scores(gamma, log.customer[rows], columns, assigned=True)
    made = replace(made, arm=log.arm[log.customer[rows]])
    spec = builders.spec(
        decision=decision,
        time="at",
        segments=[],
        ratios=[],
        outcomes=[{"column": "converted"}],
    )
    one = replace(made, gamma=made.gamma[:, :, :1], y=made.y[:, :1], outcomes=("converted",))
    ends = _looked(one, spec)[0].sequential
    assert ends is not None
    return ends


def test_the_simulated_looks_are_those_of_the_package() -> None:
    log = weekly.draw(3)
    sums = weekly.sums_of(log)
    error = np.sqrt(np.diag(sums.covariance))
    fraction = np.arange(sums.first + 1, weekly.LOOKS + 1) / weekly.LOOKS
    critical = boundaries(sums.covariance / np.outer(error, error), fraction, weekly.ALPHA)
    wide = stats.t.isf(stats.norm.sf(critical), sums.fewest - 1) * error
    last = DAY + dt.timedelta(days=7 * weekly.LOOKS - 1)
    scheduled = {"looks": "scheduled", "on": last, "start": DAY}
    for week in (sums.first, 9, 19):
        j = week - sums.first
        centre = sums.off[j] + weekly.EFFECT
        half = weekly.halves(sums)[weekly.ANYTIME][j]
        assert _ends_at(log, week, {"looks": "anytime"}) == pytest.approx(
            (centre - half, centre + half), rel=1e-9
        )
        assert _ends_at(log, week, scheduled) == pytest.approx(
            (centre - wide[j], centre + wide[j]), rel=2e-4
        )
    assert _ends_at(log, sums.first - 1, {"looks": "anytime"}) == (None, None)


def test_weekly_looks_miss_seldom_and_peeking_often() -> None:
    """Sound ranges miss in more than the upper limit once in 10,000 such tests."""
    made = weekly.run(300).set_index("range")["missed"]
    upper = stats.binom.isf(1e-4, 300, 0.05) / 300
    lower = stats.binom.isf(1e-2, 300, 0.05) / 300
    assert made[weekly.ANYTIME] <= 0.05
    assert made[weekly.SCHEDULED] <= upper
    assert made[weekly.ONCE] <= upper
    assert made[weekly.PEEKING] > lower
    assert made[weekly.SCHEDULED_ROWS] > lower
    assert made[weekly.ROWS] > 3 * made[weekly.ANYTIME]
