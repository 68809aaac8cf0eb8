"""Identification on graphs with known answers, and laws on random graphs."""

from __future__ import annotations

import subprocess
import sys
from itertools import chain, combinations, pairwise
from pathlib import Path
from typing import Any

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whatif.base.errors import NotIdentifiedError, UsageError, WhatIfError
from whatif.contract.spec import StudySpec
from whatif.engines.dowhy_identify import (
    Identified,
    NoDirectedPath,
    NotIdentified,
    backdoor_set,
)
from whatif.engines.graph_files import Dag, read_graph
from whatif.engines.graph_paths import blocks, closes, colliders, must_measure, open_path
from whatif.graph.estimand import Estimand
from whatif.graph.identify import identify

HERE = Path()
CONFOUNDED = "x -> t; x -> y; t -> y"
M_BIAS = "a -> t; a -> m; b -> m; b -> y; t -> y"
FRONT_DOOR = "u -> t; u -> y; t -> m; m -> y"
INSTRUMENT = "z -> t; u -> t; u -> y; t -> y"


def study(graph: str | None, *, outcomes: tuple[str, ...] = ("y",), **more: Any) -> StudySpec:
    keys = {
        "study": "s",
        "treatment": {"column": "t", "control": "off"},
        "outcomes": [{"column": y} for y in outcomes],
        "graph": graph,
        **more,
    }
    return StudySpec.model_validate(keys)


def solve(graph: str | None, columns: str, **more: Any) -> Estimand:
    return identify(study(graph, **more), base=HERE, columns=columns.split())


@pytest.mark.parametrize(
    ("graph", "columns", "adjustment"),
    [
        ("t -> y", "t y", ()),
        (CONFOUNDED, "t y x", ("x",)),
        (M_BIAS, "t y m", ()),
        (M_BIAS + "; m -> t", "t y m a b", ("a", "b", "m")),
        ("t -> m; m -> y; x -> t; x -> y", "t y m x", ("x",)),
        ("t -> c; y -> c; t -> y", "t y c", ()),
        ("u -> x; u -> y; x -> t; t -> y", "t y x", ("x",)),
        ("a -> b; b -> t; a -> y; t -> y", "t y b", ("b",)),
    ],
    ids=["nothing", "confounder", "m-bias", "m-closed", "mediator", "collider", "proxy", "chain"],
)  # fmt: skip
def test_dowhy_s_set_on_graphs_with_known_answers(
    graph: str, columns: str, adjustment: tuple[str, ...]
) -> None:
    estimand = solve(graph, columns)
    assert estimand.adjustment == adjustment
    assert estimand.source == "graph"
    assert estimand.edges == read_graph(graph, base=HERE).edges


@pytest.mark.parametrize(
    ("graph", "columns", "path", "measure"),
    [
        (FRONT_DOOR, "t y m", "t ← u → y", "u"),
        (INSTRUMENT, "t y z", "t ← u → y", "u"),
        (M_BIAS + "; m -> t; m -> y", "t y a b", "t ← m → y", "m"),
        ("u -> v; v -> t; u -> y; t -> y", "t y", "t ← v ← u → y", "v"),
    ],
    ids=["front-door", "instrument", "hidden-collider", "either-of-two"],
)
def test_not_identified_names_the_path_and_what_to_measure(
    graph: str, columns: str, path: str, measure: str
) -> None:
    with pytest.raises(NotIdentifiedError, match=f"stays open: {path}") as caught:
        solve(graph, columns)
    assert caught.value.exit_code == 5
    assert f"measure {measure}, or run an experiment" in str(caught.value)


def test_nothing_needed_and_not_identified_are_different_types() -> None:
    needed = {"treatment": "t", "outcome": "y", "measured": ["t", "y"]}
    free = backdoor_set(read_graph("t -> y", base=HERE), **needed)  # type: ignore[arg-type]
    lost = backdoor_set(read_graph(CONFOUNDED, base=HERE), **needed)  # type: ignore[arg-type]
    none = backdoor_set(read_graph("y -> t", base=HERE), **needed)  # type: ignore[arg-type]
    assert free == Identified(outcome="y", adjustment=())
    assert lost == NotIdentified(outcome="y", open_path=("t", "x", "y"), must_measure=("x",))
    assert none == NoDirectedPath(outcome="y")


def test_every_outcome_without_a_route_is_named() -> None:
    with pytest.raises(NotIdentifiedError, match="no chain of arrows leads from 't' to 'k'"):
        solve("t -> y; x -> k", "t y x k", outcomes=("y", "k"))


def test_a_disagreement_with_dowhy_is_a_bug_not_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("whatif.engines.dowhy_identify._ask_dowhy", lambda *_: ())
    with pytest.raises(WhatIfError, match="DoWhy and our own test disagree on 't' → 'y'") as caught:
        solve(CONFOUNDED, "t y x")
    assert caught.value.exit_code == 1


# Given covariates ------------------------------------------------------------------------------


def test_given_covariates_that_block_are_kept_as_given() -> None:
    estimand = solve(CONFOUNDED + "; w -> y", "t y x w", covariates=["x", "w"])
    assert estimand.adjustment == ("w", "x")
    assert any(
        "Adjusting for w and x blocks every backdoor path" in s for s in estimand.assumptions
    )


def test_given_covariates_that_do_not_block_name_a_path_per_outcome() -> None:
    with pytest.raises(NotIdentifiedError) as caught:
        solve(CONFOUNDED + "; t -> k; x -> k", "t y k x", outcomes=("y", "k"), covariates=[])
    text = str(caught.value)
    assert "Adjusting for nothing leaves a backdoor path to 'y' open: t ← x → y." in text
    assert "Adjusting for nothing leaves a backdoor path to 'k' open: t ← x → k." in text
    assert "set `covariates: [x]`" in text


def test_given_covariates_that_open_a_collider_say_so() -> None:
    with pytest.raises(NotIdentifiedError, match="conditioning on m opens the path") as caught:
        solve(M_BIAS, "t y m", covariates=["m"])
    assert "t ← a → m ← b → y" in str(caught.value)
    assert "set `covariates: []`" in str(caught.value)


def test_a_hidden_node_spelled_almost_like_a_column_gets_a_hint() -> None:
    graph = "urbanicty -> t; urbanicty -> y; t -> y"
    with pytest.raises(
        NotIdentifiedError, match="'urbanicity' may be the node 'urbanicty' under another name"
    ):
        solve(graph, "t y urbanicity", covariates=[])


def test_outcomes_that_need_different_sets_ask_for_two_studies() -> None:
    graph = "a -> t; a -> m; b -> m; b -> y; t -> y; m -> k; t -> k"
    assert solve(graph, "t k m", outcomes=("k",)).adjustment == ("m",)
    assert solve(graph, "t y m", outcomes=("y",)).adjustment == ()
    with pytest.raises(NotIdentifiedError, match="make one study per outcome"):
        solve(graph, "t y k m", outcomes=("y", "k"))


def test_outcomes_whose_sets_only_work_together_get_a_joint_set() -> None:
    graph = "a -> t; a -> m; b -> m; b -> y; t -> y; m -> k; t -> k"
    assert solve(graph, "t y k m b", outcomes=("y", "k")).adjustment == ("b", "m")


# Effects of the treatment, and names -----------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"covariates": ["n"]}, "The covariate 'n' is an effect of the treatment: t → m → n"),
        ({"segments": ["m"]}, "The segment 'm' is an effect of the treatment: t → m"),
        ({"exploratory": ["m"]}, "The segment 'm' is an effect of the treatment: t → m"),
        ({"data": {"source": "d.csv", "where": "m > 1"}},
         "The column of the row filter 'm' is an effect of the treatment: t → m"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["experiment", "observational"])
def test_effects_of_the_treatment_are_refused(
    kind: str, keys: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        solve("t -> m -> n; m -> y", "t y m n", design={"kind": kind}, **keys)
    assert caught.value.exit_code == 2


def test_every_unknown_name_gets_a_suggestion() -> None:
    with pytest.raises(UsageError) as caught:
        solve(
            "presentation -> converted; device -> converted",
            "",
            outcomes=("convertd",),
            treatment={"column": "presentatio", "control": "folded"},
            covariates=["devise"],
            segments=["zip"],
        )
    text = str(caught.value)
    assert "'presentatio' is not on the graph; did you mean 'presentation'?" in text
    assert "'convertd' is not on the graph; did you mean 'converted'?" in text
    assert "'devise' is not on the graph; did you mean 'device'?" in text
    assert "'zip' is not on the graph; known: converted, device, presentation." in text


# Segments and row filters are conditioned on too ------------------------------------------------


def test_a_segment_that_opens_a_path_is_refused() -> None:
    message = "Within segments by m a backdoor path to 'y' opens: t ← a → m ← b → y"
    with pytest.raises(NotIdentifiedError, match=message):
        solve(M_BIAS, "t y m", segments=["m"])
    with pytest.raises(NotIdentifiedError, match="Within segments by m"):
        solve(M_BIAS + "; x -> t; x -> y", "t y m x", segments=["m"])
    with pytest.raises(NotIdentifiedError, match="Within segments by m"):
        solve(M_BIAS + "; x -> t; x -> y", "t y m x", exploratory=["x", "m"])
    assert solve(M_BIAS, "t y m b", segments=["m"], covariates=["b"]).adjustment == ("b",)


def test_a_row_filter_can_open_a_path_and_can_close_one() -> None:
    some = {"source": "d.csv", "where": "m > 1"}
    with pytest.raises(NotIdentifiedError, match="conditioning on the row filter opens") as caught:
        solve(M_BIAS, "t y m", data=some)
    assert "t ← a → m ← b → y" in str(caught.value)
    assert "keep all rows: without the row filter on m" in str(caught.value)

    one_level = {"source": "d.csv", "where": "x = 'mobile' and not bot"}
    assert solve(CONFOUNDED, "t y x", data=one_level, covariates=[]).adjustment == ()
    several = {"source": "d.csv", "where": "x > 1 or x < 0"}
    with pytest.raises(NotIdentifiedError, match="t ← x → y"):
        solve(CONFOUNDED, "t y x", data=several, covariates=[])


# Experiments -----------------------------------------------------------------------------------


def test_an_experiment_is_identified_by_randomisation() -> None:
    estimand = solve("t -> y; x -> y; u -> y", "t y x", design={"kind": "experiment"},
                     covariates=["x"])  # fmt: skip
    assert (estimand.source, estimand.adjustment, estimand.hidden) == ("randomised", ("x",), ("u",))
    assert "randomised" in estimand.assumptions[0]


def test_an_experiment_whose_treatment_has_causes_is_refused() -> None:
    with pytest.raises(UsageError, match="draws causes of its treatment: x → t"):
        solve(CONFOUNDED, "t y x", design={"kind": "experiment", "probability": {"off": 0.5}},
              covariates=["x"])  # fmt: skip


@pytest.mark.parametrize(
    "probability",
    [{"column": "week"}, {"column": "week", "phases": {"1": {"off": 0.9, "on": 0.1}}}],
)
def test_declared_chances_and_a_coin_may_cause_a_randomised_treatment(probability: Any) -> None:
    estimand = solve(
        "week -> t; week -> y; coin -> t; t -> y",
        "t y week",
        design={"kind": "experiment", "probability": probability},
    )
    assert (estimand.source, estimand.adjustment) == ("randomised", ("week",))
    assert "in week" in estimand.assumptions[0]


# Without a graph -------------------------------------------------------------------------------


def test_without_a_graph_every_covariate_is_a_common_cause() -> None:
    estimand = solve(None, "t y b a", covariates=["b", "a"], segments=["c"])
    assert (estimand.source, estimand.adjustment, estimand.edges) == ("covariates", ("a", "b"), ())
    assert estimand.assumptions[0].startswith(
        "No graph was given: every covariate is taken as a common cause (a and b)"
    )
    assert any(sentence.startswith("No interference") for sentence in estimand.assumptions)
    assert "Settled before t could act: a, b and c." in estimand.assumptions


def test_without_graph_or_covariates_the_page_says_so() -> None:
    assert "compared as they are" in solve(None, "t y").assumptions[0]
    experiment = solve(None, "t y", design={"kind": "experiment"})
    assert (experiment.source, experiment.adjustment) == ("randomised", ())


def test_without_a_graph_dowhy_is_not_imported() -> None:
    code = (
        "import sys; from pathlib import Path; from whatif.contract.spec import StudySpec;"
        "from whatif.graph.identify import identify;"
        "spec = StudySpec.model_validate({'study': 's', 'outcomes': [{'column': 'y'}],"
        "'treatment': {'column': 't', 'control': 0}, 'covariates': ['x']});"
        "identify(spec, base=Path(), columns=['t', 'y', 'x']);"
        "print(sorted({'dowhy', 'networkx', 'pydot'} & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


# Laws on random graphs -------------------------------------------------------------------------

NODES = "abtcdy"  # an arrow may only point to the right, so t comes before y


@st.composite
def graphs(draw: st.DrawFn) -> tuple[Dag, tuple[str, ...]]:
    pairs = [pair for pair in combinations(NODES, 2) if pair != ("t", "y")]
    arrows = draw(st.lists(st.sampled_from(pairs), unique=True, max_size=10))
    measured = draw(st.lists(st.sampled_from("abcd"), unique=True))
    return Dag(nodes=tuple(sorted(NODES)), edges=tuple(sorted({*arrows, ("t", "y")}))), (*measured,)


def subsets(names: tuple[str, ...]) -> list[tuple[str, ...]]:
    return list(chain.from_iterable(combinations(names, r) for r in range(len(names) + 1)))


def eligible(dag: Dag, measured: tuple[str, ...]) -> tuple[str, ...]:
    later = nx.descendants(nx.DiGraph(dag.edges), "t")
    return tuple(name for name in measured if name not in later)


@given(graphs())
@settings(max_examples=150, deadline=None)
def test_one_offer_settles_what_a_search_over_subsets_would(
    case: tuple[Dag, tuple[str, ...]],
) -> None:
    dag, measured = case
    searched = any(blocks(dag, "t", "y", s) for s in subsets(eligible(dag, measured)))
    assert closes(dag, "t", ["y"], measured) is searched


@given(graphs())
@settings(max_examples=150, deadline=None)
def test_a_path_is_open_exactly_where_the_set_does_not_block(
    case: tuple[Dag, tuple[str, ...]],
) -> None:
    dag, adjusted = case
    path = open_path(dag, "t", "y", adjusted)
    if set(adjusted) & nx.descendants(nx.DiGraph(dag.edges), "t"):
        return
    assert (path is None) is blocks(dag, "t", "y", adjusted)
    if path is None:
        return
    assert len(set(path)) == len(path)
    assert (path[1], path[0]) in dag.edges
    assert all({(a, b), (b, a)} & set(dag.edges) for a, b in pairwise(path))
    graph, meets = nx.DiGraph(dag.edges), set(colliders(dag, path))
    for node in path[1:-1]:
        below = {node} | (nx.descendants(graph, node) if node in graph else set())
        assert bool(below & set(adjusted)) if node in meets else node not in adjusted


@given(graphs())
@settings(max_examples=40, deadline=None)
def test_our_blocking_test_agrees_with_dowhy(case: tuple[Dag, tuple[str, ...]]) -> None:
    from dowhy.causal_identifier import BackdoorAdjustment, EstimandType, identify_effect_auto

    dag, measured = case
    graph = nx.DiGraph(dag.edges)
    observed = sorted({"t", "y", *(name for name in measured if name in graph)})
    theirs = identify_effect_auto(
        graph, ["t"], ["y"], observed, EstimandType.NONPARAMETRIC_ATE,
        backdoor_adjustment=BackdoorAdjustment.BACKDOOR_MAX,
    )  # fmt: skip
    ours = backdoor_set(dag, treatment="t", outcome="y", measured=measured)
    assert isinstance(ours, Identified) is (theirs.estimands["backdoor"] is not None)
    for found in (theirs.backdoor_variables or {}).values():
        assert blocks(dag, "t", "y", found)
    if isinstance(ours, NotIdentified):
        needed = ours.must_measure
        assert closes(dag, "t", ["y"], {*measured, *needed})
        for one in needed:
            fewer = {*measured, *needed} - {one}
            assert not closes(dag, "t", ["y"], fewer)
        assert must_measure(dag, "t", ["y"], {*measured, *needed}) == ()
