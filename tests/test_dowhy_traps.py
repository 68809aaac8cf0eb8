"""DoWhy's known defects, reproduced, so that an upgrade that mends or moves one is noticed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from whatif.engines.dowhy_identify import Identified, NotIdentified, backdoor_set
from whatif.engines.graph_files import read_graph


def ask(edges: list[tuple[str, str]], observed: list[str]) -> Any:
    from dowhy.causal_identifier import BackdoorAdjustment, EstimandType, identify_effect_auto

    return identify_effect_auto(
        nx.DiGraph(edges), ["t"], ["y"], observed, EstimandType.NONPARAMETRIC_ATE,
        backdoor_adjustment=BackdoorAdjustment.BACKDOOR_MAX,
    )  # fmt: skip


def test_an_empty_adjustment_set_means_two_things_and_only_the_estimand_tells() -> None:
    free = ask([("t", "y")], ["t", "y"])
    lost = ask([("t", "y"), ("u", "t"), ("u", "y")], ["t", "y"])
    assert free.get_adjustment_set() == lost.get_adjustment_set() == []
    assert free.estimands["backdoor"] is not None
    assert lost.estimands["backdoor"] is None


def test_without_a_directed_path_there_are_no_estimands_at_all() -> None:
    reverse = ask([("y", "t")], ["t", "y"])
    assert reverse.no_directed_path
    assert reverse.estimands is None


# t has a hidden cause that meets one of y's at m1 or m2; either closes what the other opens
AMBIGUOUS = "x -> t; x -> y; t -> y; u -> t; u -> m1; w -> m1; w -> v; v -> m2; k -> m2; k -> y"


def test_among_equally_large_sets_dowhy_picks_one_and_we_never_offer_a_choice() -> None:
    dag = read_graph(AMBIGUOUS, base=Path())
    measured = ["t", "y", "x", "m1", "m2"]
    theirs = ask(list(dag.edges), measured)
    largest = {tuple(sorted(names)) for names in theirs.backdoor_variables.values()}
    assert largest == {("m1", "x"), ("m2", "x")}
    ours = backdoor_set(dag, treatment="t", outcome="y", measured=measured)
    assert ours == Identified(outcome="y", adjustment=("x",))


def test_where_nothing_is_enough_dowhy_tries_every_subset_and_we_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import dowhy.causal_identifier.auto_identifier as inside

    calls: list[int] = []
    real = inside.check_valid_backdoor_set

    def counted(*args: Any, **keys: Any) -> Any:
        calls.append(1)
        return real(*args, **keys)

    monkeypatch.setattr(inside, "check_valid_backdoor_set", counted)
    names = [f"x{i}" for i in range(8)]
    text = "u -> t; u -> y; t -> y\n" + "\n".join(f"{x} -> t; {x} -> y" for x in names)
    dag = read_graph(text, base=Path())
    lost = ask(list(dag.edges), ["t", "y", *names])
    assert lost.estimands["backdoor"] is None
    assert len(calls) >= 2**8
    calls.clear()
    ours = backdoor_set(dag, treatment="t", outcome="y", measured=names)
    assert isinstance(ours, NotIdentified)
    assert not calls


def placebo(treatment: pd.Series, *, seed: int, kind: str = "Random Data") -> NDArray[Any]:
    """Return the placebo column that DoWhy's refuter would fit with."""
    from dowhy.causal_refuters.placebo_treatment_refuter import PlaceboType, _refute_once

    seen: list[pd.DataFrame] = []
    fitted = SimpleNamespace(
        fit=lambda data, **_: seen.append(data),
        estimate_effect=lambda *_, **__: SimpleNamespace(value=0.0),
    )
    estimator = SimpleNamespace(
        get_new_estimator_object=lambda _: fitted, _effect_modifier_names=[], _target_units="ate"
    )
    frame = pd.DataFrame({"t": treatment})
    _refute_once(
        frame,
        SimpleNamespace(identifier_method="backdoor"),
        SimpleNamespace(estimator=estimator, control_value=0, treatment_value=1),
        ["t"],
        dict(frame.dtypes),
        PlaceboType(kind),
        np.random.RandomState(seed),  # what DoWhy takes
    )
    return seen[0]["placebo"].to_numpy()


def test_the_default_placebo_of_a_float_treatment_is_a_constant() -> None:
    drawn = placebo(pd.Series([0.0, 1.0, 1.0, 0.0, 1.0]), seed=1)
    assert (drawn == 0).all()


def test_the_default_placebo_ignores_the_seed_and_permuting_heeds_it() -> None:
    treatment = pd.Series(np.tile([0, 1], 100))
    assert not np.array_equal(placebo(treatment, seed=1), placebo(treatment, seed=1))
    permuted = placebo(treatment, seed=1, kind="permute")
    assert np.array_equal(permuted, placebo(treatment, seed=1, kind="permute"))
    assert permuted.sum() == treatment.sum()


def test_p_values_change_sides_at_one_hundred_simulations() -> None:
    from dowhy.causal_refuter import test_significance as significance

    rng = np.random.default_rng(0)
    estimate = SimpleNamespace(value=1.645)
    few = significance(estimate, _normal(rng, 99))["p_value"]
    many = significance(estimate, _normal(rng, 10_000))["p_value"]
    assert few == pytest.approx(0.05, abs=0.001)
    assert many == pytest.approx(0.10, abs=0.01)


def _normal(rng: np.random.Generator, size: int) -> list[float]:
    values = rng.normal(size=size)
    return list((values - values.mean()) / values.std())


def test_dowhy_changes_how_a_shell_prints_and_our_loading_does_not() -> None:
    asked = "import sys; before = sys.displayhook; {load}; print(sys.displayhook is before)"
    alone = asked.format(load="import dowhy")
    ours = asked.format(load="from whatif.engines.dowhy_loading import load_dowhy; load_dowhy()")
    said = [
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True
        ).stdout.strip()
        for code in (alone, ours)
    ]
    assert said == ["False", "True"]
