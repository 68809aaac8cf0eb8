"""Looking more than once: boundaries, confidence sequences, and the days of the looks."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from whatif.base.arrays import Floats
from whatif.base.errors import UsageError
from whatif.contract.spec import DecisionSpec
from whatif.contract.study_file import study_from_mapping
from whatif.effects.looks.critical import anytime_critical, boundaries, spent
from whatif.effects.looks.scheduled import look_days

DAY = dt.date(2026, 9, 1)
ON = dt.date(2026, 10, 6)
SCHEDULED = {"on": ON, "looks": "scheduled"}


# ---- the confidence sequence


def test_the_critical_value_is_the_formula_by_hand() -> None:
    # k = 5.99146 + log 6.99146 = 7.93616; (1 + 1/k) · log((k + 1) / .0025) = 9.21249
    assert anytime_critical(0.05, 1.0) == pytest.approx(3.03521, abs=5e-6)
    # kη = 1.98404; 1.504022 · log(2.98404 / .0025) = 10.65561
    assert anytime_critical(0.05, 0.25) == pytest.approx(3.26429, abs=5e-6)


@given(st.floats(1e-6, 0.3), st.floats(1e-4, 1e4))
def test_at_the_critical_value_the_mixture_of_likelihoods_is_one_over_alpha(
    alpha: float, progress: float
) -> None:
    """Robbins' normal mixture is a martingale with mean 1, so it seldom passes 1/α (Ville)."""
    z = anytime_critical(alpha, progress)
    grown = (-2 * np.log(alpha) + np.log(1 - 2 * np.log(alpha))) * progress
    log_mixture = z**2 / 2 * grown / (grown + 1) - np.log(grown + 1) / 2
    assert log_mixture == pytest.approx(-np.log(alpha), rel=1e-9)


@given(st.floats(1e-6, 0.3), st.floats(1e-3, 1e3), st.floats(1.01, 10.0))
def test_more_data_narrow_the_sequence_and_less_error_widens_it(
    alpha: float, progress: float, more: float
) -> None:
    width = anytime_critical(alpha, progress) / np.sqrt(progress)
    assert anytime_critical(alpha, progress * more) / np.sqrt(progress * more) < width
    assert anytime_critical(alpha / more, progress) > anytime_critical(alpha, progress)
    assert anytime_critical(alpha, progress) > stats.norm.isf(alpha / 2)


@pytest.mark.parametrize("alpha", [0.05, 0.01, 0.001])
def test_the_sequence_is_narrowest_about_where_it_was_planned(alpha: float) -> None:
    narrowest = min(anytime_critical(alpha, p) for p in np.geomspace(0.01, 100, 2_001))
    assert anytime_critical(alpha, 1.0) <= 1.001 * narrowest


@pytest.mark.parametrize(("alpha", "progress"), [(0.0, 1.0), (1.0, 1.0), (0.05, 0.0)])
def test_a_sequence_needs_a_chance_and_a_plan(alpha: float, progress: float) -> None:
    with pytest.raises(ValueError, match="Not a chance and a share of a plan"):
        anytime_critical(alpha, progress)


# ---- boundaries of scheduled looks


def _independent(fraction: Floats) -> Floats:
    """Correlation of estimates whose increments are independent."""
    smaller = np.minimum.outer(fraction, fraction)
    return np.asarray(np.sqrt(smaller / np.maximum.outer(fraction, fraction)))


@pytest.mark.parametrize(
    "published",
    [
        (2.963, 1.969),
        (3.710, 2.511, 1.993),
        (4.333, 2.963, 2.359, 2.014),
        (4.877, 3.357, 2.680, 2.290, 2.031),
    ],
)
def test_equal_looks_have_the_published_boundaries(published: tuple[float, ...]) -> None:
    """Reboussin, DeMets, Kim & Lan (2000), Controlled Clinical Trials 21(3), 190–207."""
    fraction = np.arange(1, len(published) + 1) / len(published)
    found = boundaries(_independent(fraction), fraction, 0.05)
    assert found == pytest.approx(published, abs=6e-4)


def _by_recursion(fraction: Floats, alpha: float) -> Floats:
    """Boundaries of independent increments by integrating the density of the sum look by look."""
    grid = np.linspace(-12, 12, 4_801)
    density = stats.norm.pdf(grid, scale=np.sqrt(fraction[0]))
    step, critical = grid[1] - grid[0], []
    error = np.diff(spent(alpha, fraction), prepend=0.0)
    for j, t in enumerate(fraction):
        if j:
            scale = np.sqrt(t - fraction[j - 1])
            kernel = stats.norm.pdf(np.arange(-2_400, 2_401) * step, scale=scale) * step
            density = np.convolve(density, kernel, mode="same")
        tail = np.cumsum(density[::-1])[::-1] * step - density * step / 2
        edge = float(np.interp(-error[j] / 2, -tail, grid))
        critical.append(edge / np.sqrt(t))
        share = np.clip((edge - np.abs(grid)) / step + 0.5, 0.0, 1.0)
        density = density * share
    return np.array(critical)


def test_unequal_looks_agree_with_the_recursive_integral() -> None:
    fraction = np.array([0.3, 0.4, 0.7, 0.95, 1.0])
    expected = _by_recursion(fraction, 0.05)
    assert boundaries(_independent(fraction), fraction, 0.05) == pytest.approx(expected, abs=2e-3)


def _inside(critical: Floats, correlation: Floats) -> float:
    """Chance that three normals stay within their bounds, by Gauss–Legendre quadrature."""
    nodes, weights = np.polynomial.legendre.leggauss(150)
    first, second = np.meshgrid(critical[0] * nodes, critical[1] * nodes, indexing="ij")
    mass = np.outer(critical[0] * weights, critical[1] * weights)
    pair, link = correlation[:2, :2], correlation[2, :2]
    density = stats.multivariate_normal(cov=pair).pdf(np.stack([first, second], axis=-1))
    beta = np.linalg.solve(pair, link)
    centre, sd = beta[0] * first + beta[1] * second, np.sqrt(1 - link @ beta)
    high, low = stats.norm.cdf([(critical[2] - centre) / sd, (-critical[2] - centre) / sd])
    return float((mass * density * (high - low)).sum())


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0.05, 0.01, 0.005]))
def test_looks_of_any_correlation_spend_the_error_and_no_more(seed: int, alpha: float) -> None:
    rng = np.random.default_rng(seed)
    root = np.tril(rng.uniform(0.2, 1.0, (3, 3)))
    correlation = root @ root.T
    sd = np.sqrt(np.diag(correlation))
    correlation /= np.outer(sd, sd)
    fraction = np.sort(rng.uniform(0.3, 1.0, 3))
    critical = boundaries(correlation, fraction, alpha)
    spending = spent(alpha, fraction)
    assert 1 - _inside(critical, correlation) == pytest.approx(spending[2], rel=1e-3)
    pair = np.append(critical[:2], 40.0)
    assert 1 - _inside(pair, correlation) == pytest.approx(spending[1], rel=1e-3)


def test_one_look_at_the_end_is_the_plain_interval() -> None:
    found = boundaries(np.ones((1, 1)), np.ones(1), 0.05)
    assert found == pytest.approx([stats.norm.isf(0.025)], abs=1e-12)


def test_a_look_with_nothing_new_or_nothing_to_spend_does_no_harm() -> None:
    same = np.ones((2, 2))
    assert boundaries(same, np.array([0.5, 1.0]), 0.05)[1] == pytest.approx(1.96, abs=2e-3)
    early = boundaries(_independent(np.array([1e-3, 1.0])), np.array([1e-3, 1.0]), 0.05)
    assert early == pytest.approx([np.inf, stats.norm.isf(0.025)], abs=1e-9)


# ---- the days of the looks


def test_looks_are_counted_back_from_the_decision() -> None:
    rule = DecisionSpec.model_validate(SCHEDULED)
    assert look_days(rule, first=DAY) == tuple(
        ON - dt.timedelta(days=7 * k) for k in range(4, -1, -1)
    )
    monthly = rule.model_copy(update={"every": "100d"})
    assert look_days(monthly, first=DAY) == (ON,)
    late = rule.model_copy(update={"start": dt.date(2026, 9, 25)})
    assert look_days(late, first=DAY) == (dt.date(2026, 9, 29), ON)


def test_days_that_make_no_schedule_are_refused() -> None:
    with pytest.raises(UsageError, match=r"decision\.on 2026-10-06 does not lie after 2026-10-06"):
        look_days(DecisionSpec.model_validate(SCHEDULED), first=ON)
    daily = DecisionSpec.model_validate(SCHEDULED | {"every": "1d"})
    with pytest.raises(
        UsageError, match="makes 35 looks from 2026-09-01 to 2026-10-06; at most 30"
    ):
        look_days(daily, first=DAY)


@pytest.mark.parametrize(
    ("decision", "said"),
    [
        ({"looks": "scheduled"}, r"decision\.on is missing: the looks are scheduled"),
        ({"looks": "anytime", "every": "1d"}, r"decision\.every is given, but the looks are 'any"),
        ({"start": "2026-09-01"}, r"decision\.start is given, but the looks are 'once'"),
        (
            {"looks": "scheduled", "on": "2026-09-01", "start": "2026-09-01"},
            r"decision\.on 2026-09-01 does not lie after decision\.start 2026-09-01",
        ),
        ({"looks": "scheduled", "every": "weekly"}, r"decision\.every must be a number of days"),
        ({"looks": "often"}, r"decision\.looks must be one of"),
    ],
)
def test_rules_about_looks(decision: dict[str, object], said: str) -> None:
    study = {
        "study": "looks",
        "time": "day",
        "treatment": {"column": "arm", "control": "off"},
        "outcomes": [{"column": "y"}],
    }
    with pytest.raises(UsageError, match=said):
        study_from_mapping(study | {"decision": decision}, on_frame=True)
