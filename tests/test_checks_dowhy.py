"""What is relied on in DoWhy's refuters, and the defects that are worked around."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from whatif.base.arrays import Floats, Ints
from whatif.engines import dowhy_refute

ARM = np.repeat([0, 1, 2], [5, 3, 2]).astype(np.int64)


def as_seen(values: Ints | Floats) -> Floats:
    return values.astype(np.float64)


def test_placebo_shuffles_rows_and_follows_its_seed() -> None:
    draws = dowhy_refute.placebo(ARM, as_seen, draws=6, seed=3)
    assert draws.shape == (6, 10)
    assert (np.sort(draws, axis=1) == ARM).all()
    assert len({row.tobytes() for row in draws}) == 6
    assert (draws == dowhy_refute.placebo(ARM, as_seen, draws=6, seed=3)).all()
    assert (draws != dowhy_refute.placebo(ARM, as_seen, draws=6, seed=4)).any()


def test_placebo_is_uniform_over_places() -> None:
    draws = dowhy_refute.placebo(np.arange(5), as_seen, draws=500, seed=0)
    counts = np.array([np.bincount(draws[:, j].astype(int), minlength=5) for j in range(5)])
    assert ((counts - 100) ** 2 / 100).sum() < 40  # χ² on 16 degrees of freedom, .999 at 39.3


def test_placebo_within_keeps_counts_of_every_stratum() -> None:
    stratum = np.array([0, 1] * 5)
    draws = dowhy_refute.placebo_within(ARM, stratum, as_seen, draws=50, seed=1)
    for s in (0, 1):
        assert (np.sort(draws[:, stratum == s], axis=1) == np.sort(ARM[stratum == s])).all()
    assert len({row.tobytes() for row in draws}) > 20
    assert (draws == dowhy_refute.placebo_within(ARM, stratum, as_seen, draws=50, seed=1)).all()


def test_placebo_redrawn_follows_the_chances() -> None:
    chance = np.array([[0.2, 0.3, 0.5], [0.9, 0.1, 0.0]])
    draws = dowhy_refute.placebo_redrawn(chance, as_seen, draws=4000, seed=2)
    for u in (0, 1):
        shares = np.bincount(draws[:, u].astype(int), minlength=3) / 4000
        assert shares == pytest.approx(chance[u], abs=0.03)


def test_random_common_cause_is_standard_normal_noise() -> None:
    draws = dowhy_refute.random_common_cause(2000, as_seen, draws=5, seed=0)
    assert draws.shape == (5, 2000)
    assert draws.mean() == pytest.approx(0.0, abs=0.04)
    assert draws.std() == pytest.approx(1.0, abs=0.03)
    assert abs(draws[0] @ draws[1]) / 2000 < 0.1
    assert (draws == dowhy_refute.random_common_cause(2000, as_seen, draws=5, seed=0)).all()


def test_subsets_keep_the_share_without_repeats() -> None:
    draws = dowhy_refute.subsets(50, as_seen, share=0.8, draws=5, seed=0)
    assert draws.shape == (5, 40)
    assert all(np.unique(row).size == 40 for row in draws)
    assert draws.min() == 0
    assert draws.max() == 49
    assert (draws == dowhy_refute.subsets(50, as_seen, share=0.8, draws=5, seed=0)).all()


def test_constant_estimates_are_quiet(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    draws = dowhy_refute.placebo(ARM, lambda _: np.array([2.0]), draws=3, seed=0)
    assert (draws == 2.0).all()
    assert capfd.readouterr() == ("", "")
    assert not [r for r in caplog.records if r.levelno >= logging.WARNING]


def test_an_error_inside_the_estimate_comes_through() -> None:
    def fails(_: Ints) -> Floats:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        dowhy_refute.placebo(ARM, fails, draws=3, seed=0)


def test_dowhys_own_p_value_is_one_sided_below_100_simulations() -> None:
    from dowhy.causal_refuter import perform_bootstrap_test, perform_normal_distribution_test

    class Zero:
        value = 0.0

    simulated = np.linspace(-1.0, 3.0, 99)
    one_sided = perform_normal_distribution_test(Zero, simulated)
    two_sided = perform_bootstrap_test(Zero, list(simulated))
    assert one_sided == pytest.approx(0.1957, abs=1e-3)  # Φ(−1 / sd), not twice it
    assert two_sided == pytest.approx(2 * 0.2525, abs=1e-3)
