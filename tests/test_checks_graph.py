"""What a graph claims, whether the data keep it, and what is said when they cannot tell."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tests.graph_worlds import COVARIATES, GRAPH, RANDOMISED, evidence, randomised, sessions
from whatif.base.rng import generator
from whatif.checks.graph_implications import MOST_IMPLICATIONS, GraphImplications
from whatif.checks.observed import observed
from whatif.checks.related import Relation, Residuals
from whatif.checks.result import Status
from whatif.engines.graph_files import Dag, read_graph
from whatif.engines.graph_implications import implications, separated
from whatif.graph.implications import implied_by

SMALL: dict[str, Any] = {"customers": 300, "rows": 1_200}


def dag(text: str) -> Dag:
    return read_graph(text, base=Path())


def claims(text: str, measured: str, **more: Any) -> list[tuple[str, str, tuple[str, ...]]]:
    found = implications(dag(text), measured=measured.split(), **more)
    return [(one.first, one.second, one.given) for one in found]


# ---- what a graph claims


@pytest.mark.parametrize(
    ("text", "measured", "expected"),
    [
        ("a -> b; b -> c", "a b c", [("a", "c", ("b",))]),
        ("a -> b; c -> b", "a b c", [("a", "c", ())]),
        ("u -> a; u -> b; u -> c", "a b c", []),
        ("u -> a; u -> b; a -> c", "a b c", [("b", "c", ("a",))]),
        ("a -> h; h -> b", "a b", []),
        ("x -> t; x -> y; t -> y; x -> w", "t y x w", [("t", "w", ("x",)), ("w", "y", ("x",))]),
    ],
    ids=["chain", "collider", "hidden-fork", "hidden-and-chain", "hidden-mediator", "placebo"],
)
def test_claims_of_graphs_with_known_answers(
    text: str, measured: str, expected: list[tuple[str, str, tuple[str, ...]]]
) -> None:
    assert claims(text, measured) == expected


def test_a_row_filter_on_a_common_effect_takes_a_claim_away() -> None:
    assert claims("a -> s; b -> s; c -> a", "a b c") == [("a", "b", ()), ("b", "c", ())]
    kept = claims("a -> s; b -> s; c -> a", "a b c", always=["s"])
    assert kept == [("b", "c", ("a",))]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(0, 10_000))
def test_a_claim_exists_exactly_where_some_measured_set_separates(seed: int) -> None:
    """Against a search over all subsets, and no node of a set can be left out."""
    rng = random.Random(seed)
    names = list("abcdef")[: rng.randint(3, 6)]
    order = rng.sample(names, len(names))
    edges = [pair for pair in itertools.combinations(order, 2) if rng.random() < 0.4]
    graph = nx.DiGraph(edges)
    graph.add_nodes_from(names)
    measured = [name for name in names if rng.random() < 0.8]
    always = [name for name in names if name not in measured and rng.random() < 0.5]
    made = Dag(nodes=tuple(names), edges=tuple(sorted(edges)))
    found = {(o.first, o.second): o.given for o in implications(made, measured=measured,
             always=always)}  # fmt: skip

    def blocked(a: str, b: str, z: tuple[str, ...]) -> bool:
        return bool(nx.is_d_separator(graph, {a}, {b}, {*z, *always}))

    for a, b in itertools.combinations(sorted(measured), 2):
        rest = [name for name in measured if name not in (a, b)]
        sets = (z for k in range(len(rest) + 1) for z in itertools.combinations(rest, k))
        assert ((a, b) in found) == any(blocked(a, b, z) for z in sets)
        if (a, b) in found:
            assert blocked(a, b, found[a, b])
            for left in itertools.combinations(found[a, b], max(len(found[a, b]) - 1, 0)):
                assert len(left) == len(found[a, b]) or not blocked(a, b, left)


def test_separated_reads_only_nodes_of_the_graph() -> None:
    assert separated(dag("a -> b; b -> c"), "a", "c", ["b", "not_there"])
    assert not separated(dag("a -> b; b -> c"), "a", "c", ["not_there"])


# ---- one claim against the data


def related(frame: pd.DataFrame, one: str, other: str, *given_: str) -> Relation | str:
    study = evidence(frame, graph=None, covariates=COVARIATES)
    names = ["arm", "converted", "cost", *COVARIATES]
    return Residuals(table=observed(study, names)).relation(one, other, given_)


def test_without_others_the_statistic_is_the_clustered_covariance_within_folds() -> None:
    frame = sessions(1, **SMALL)
    found = related(frame, "distance", "cart")
    assert isinstance(found, Relation)
    fold = evidence(frame, graph=None).design.fold
    a, b = (
        pd.Series(stats.norm.ppf((stats.rankdata(frame[name]) - 0.5) / len(frame)))
        for name in ("distance", "cart")
    )
    a, b = (one - one.groupby(fold).transform("mean") for one in (a, b))
    scale = np.sqrt((a**2).mean() * (b**2).mean())
    assert found.correlation == pytest.approx((a * b).mean() / scale, rel=1e-9)
    sums = np.bincount(frame["customer"], weights=a * b - (a * b).mean())
    error = np.sqrt(300 / 299 * (sums**2).sum()) / len(frame) / scale
    assert found.error == pytest.approx(error, rel=1e-9)
    alone = float(np.std(a * b)) / np.sqrt(len(frame)) / scale
    assert found.error > 1.1 * alone


def test_the_residual_correlation_is_that_of_the_simulated_model() -> None:
    """Two columns share a cause that is taken out, and .3 of their noise."""
    frame = sessions(2, customers=2_000, rows=8_000)
    rng = generator(3, "planted")
    shared = rng.standard_normal(len(frame))
    z = np.log(frame["distance"])
    frame["cart"] = np.sin(z) + np.sqrt(0.7) * rng.standard_normal(len(z)) + np.sqrt(0.3) * shared
    frame["cost"] = z**2 + np.sqrt(0.7) * rng.standard_normal(len(z)) + np.sqrt(0.3) * shared
    frame["cost"] -= frame["cost"].min()
    found = related(frame, "cart", "cost", "distance")
    assert isinstance(found, Relation)
    assert found.correlation == pytest.approx(0.3, abs=0.05)
    assert found.p_value < 1e-12


def test_a_handful_of_yes_is_not_compared() -> None:
    frame = sessions(3, **SMALL)
    frame["converted"] = (frame.index < 20).astype(float)
    assert related(frame, "converted", "cart") == "converted hardly varies"


def test_a_word_is_compared_level_by_level_and_a_copy_is_not_compared() -> None:
    frame = sessions(3, **SMALL)
    found = related(frame, "urbanicity", "cart")
    assert isinstance(found, Relation)
    assert found.pairs == 3
    frame["cart"] = 2.0 * frame["distance"] + 1.0
    assert related(frame, "cart", "cost", "distance") == "cart is determined by distance"
    frame["cart"] = frame["distance"].where(frame["distance"] < 0)
    frame.loc[:5, "cart"] = [1.0, 2, 3, 4, 5, 6]
    found_few = related(frame, "cart", "cost")
    assert found_few == "too little data: fewer than 50 clusters have both columns"


# ---- the check of claims


def test_a_right_graph_holds_and_says_what_could_have_been_seen() -> None:
    for study in (evidence(sessions(1)), randomised(sessions(1, randomised=True))):
        result = GraphImplications().run(study)
        assert result.status is Status.HELD
        assert "could have been seen in each" in result.finding
        assert result.threshold == 0.01
        assert GraphImplications().run(study) == result


def test_a_missing_arrow_breaks_and_is_named() -> None:
    result = GraphImplications().run(evidence(sessions(1, missing_edge=0.2)))
    assert result.status is Status.BROKE
    assert "distance and member should be unrelated, but correlate by +0." in result.finding
    graph = GRAPH.replace("urbanicity -> distance;", "urbanicity -> distance; member -> distance;")
    mended = GraphImplications().run(evidence(sessions(1, missing_edge=0.2), graph=graph))
    assert mended.status is Status.HELD


def test_conditioning_stands_in_the_sentence() -> None:
    graph = GRAPH.replace("member -> converted; ", "")
    result = GraphImplications().run(evidence(sessions(4), graph=graph))
    assert result.status is Status.BROKE
    words = "converted and member should be unrelated once arm, cart and urbanicity are known, but"
    assert words in result.finding


def test_a_randomised_arm_that_leans_breaks_for_any_number_of_arms() -> None:
    frame = sessions(5, randomised=True, arms=3)
    rng = generator(5, "lean")
    moved = frame["member"] & (frame["arm"] == "folded") & (rng.random(len(frame)) < 0.6)
    frame["arm"] = frame["arm"].where(~moved, "third")
    result = GraphImplications().run(randomised(frame))
    assert result.status is Status.BROKE
    assert "arm and member should be unrelated, but correlate by" in result.finding
    assert "third" in result.finding or "folded" in result.finding


@pytest.mark.parametrize(
    ("keys", "status", "words"),
    [
        ({"graph": None}, Status.NOT_APPLICABLE, "The study has no graph."),
        (
            {"graph": "arm -> converted; u -> arm; arm -> cost; converted -> cost; u -> cost; "
             "u -> converted", "covariates": ("u",)},
            Status.NOT_APPLICABLE,
            "claims nothing that the columns at hand could contradict",
        ),
    ],
)  # fmt: skip
def test_no_graph_or_no_claim_is_not_applicable(
    keys: dict[str, Any], status: Status, words: str
) -> None:
    frame = sessions(6, **SMALL).assign(u=lambda f: f["cart"])
    result = GraphImplications().run(evidence(frame, **keys))
    assert result.status is status
    assert words in result.finding


def test_columns_that_are_not_read_or_cannot_be_compared_are_named() -> None:
    graph = GRAPH + "; member -> loyalty; session_note -> cart"
    frame = sessions(7, **SMALL).assign(loyalty=1.0, session_note=1.0)
    study = evidence(frame, graph=graph, covariates=None)
    result = GraphImplications().run(study)
    assert "because the study does not read them: " in result.finding
    assert "loyalty" in result.finding
    flat = evidence(
        frame.assign(loyalty=[f"word {i}" for i in range(len(frame))]),
        graph=graph,
        negative_controls={"outcomes": ["loyalty"]},
    )
    assert "loyalty (too many different words" in GraphImplications().run(flat).finding
    constant = evidence(frame, graph=graph, negative_controls={"outcomes": ["loyalty"]})
    assert "loyalty hardly varies" in GraphImplications().run(constant).finding


def test_few_clusters_or_rows_do_not_run() -> None:
    few = GraphImplications().run(evidence(sessions(8, customers=40, rows=800)))
    assert few.status is Status.DID_NOT_RUN
    assert "40 clusters, 50 needed" in few.finding
    thin = GraphImplications().run(evidence(sessions(8, customers=60, rows=120)))
    assert thin.status is Status.DID_NOT_RUN
    assert "would go unseen, and 0.15 matters" in thin.finding


def test_at_most_thirty_claims_are_tested_and_the_rest_is_counted() -> None:
    extra = [f"extra{j}" for j in range(6)]
    rng = generator(9, "extra")
    frame = sessions(9, **SMALL)
    frame = frame.assign(**{name: rng.standard_normal(len(frame)) for name in extra})
    graph = GRAPH + "".join(f"; {name} -> cost" for name in extra)
    study = evidence(frame, graph=graph, covariates=(*COVARIATES, *extra))
    found = implied_by(study.estimand, study.spec, at_hand=list(frame.columns))
    result = GraphImplications().run(study)
    left = len(found.testable) - MOST_IMPLICATIONS
    assert left > 0
    assert f"{left} more claims were left out by lot" in result.finding


def test_logged_chances_stand_in_for_the_column_that_holds_them() -> None:
    frame = sessions(10, randomised=True, **SMALL)
    rng = generator(10, "ramp")
    chance = np.where(frame["member"], 0.7, 0.3)
    treated = rng.random(len(frame)) < chance
    frame["arm"] = np.where(treated, "expanded", "folded")
    frame["p"] = np.where(treated, chance, 1 - chance)
    graph = RANDOMISED + "; p -> arm; member -> p"
    keys = {"graph": graph, "assigned": "session", "covariates": COVARIATES}
    design = {"kind": "experiment", "probability": {"column": "p"}}
    study = evidence(frame, design=design, **keys)
    found = implied_by(study.estimand, study.spec, at_hand=["arm", "member", "cart"])
    assert ("arm", "member", ("p",)) in [(o.first, o.second, o.given) for o in found.testable]
    assert GraphImplications().run(study).status is not Status.BROKE
    wrong = replace(study, design=replace(study.design, known=np.full((len(frame), 2), 0.5)))
    assert "arm and member should be unrelated once p is known" in (
        GraphImplications().run(wrong).finding
    )


# ---- error rates, reduced; the full table is made by tests/benchmarks/checks_graph.py


def test_alarms_on_sound_studies_are_rare_and_weak_arrows_are_seen() -> None:
    checks = GraphImplications()
    sound = [checks.run(evidence(sessions(s, **SMALL))).status for s in range(5)]
    assert sum(one is Status.BROKE for one in sound) <= 1  # .001 for a check that alarms at .01
    broken = [checks.run(evidence(sessions(s, missing_edge=0.5, **SMALL))).status for s in range(4)]
    assert broken == [Status.BROKE] * 4


def test_the_test_of_one_claim_keeps_its_level_under_repeated_customers() -> None:
    """A cheap version: 200 draws of two unrelated columns that both hang on the customer."""
    frame = sessions(11, customers=100, rows=400)
    study = evidence(frame, graph=None, covariates=COVARIATES)
    table = observed(study, ["arm", "cart", "distance"])
    rng = generator(11, "level")
    who = table.cluster
    p_values, naive = [], []
    for _ in range(200):
        one, other = (
            rng.standard_normal(100)[who] * 0.8 + rng.standard_normal(who.size) * 0.6
            for _ in range(2)
        )
        columns = {
            "cart": replace(table.columns["cart"], values=one),
            "distance": replace(table.columns["distance"], values=other),
        }
        found = Residuals(table=replace(table, columns=columns)).relation("cart", "distance", ())
        assert isinstance(found, Relation)
        p_values.append(found.p_value)
        naive.append(stats.pearsonr(one, other).pvalue)
    assert np.mean(np.array(p_values) < 0.05) <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 200)
    assert np.mean(np.array(naive) < 0.05) > 0.12  # rows are not independent
