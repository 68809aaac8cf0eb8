"""A graph beside graphs with shuffled names, and DoWhy's defects in comparing them, reproduced."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from scipy import stats

from tests.checks_evidence import evidence_of, world
from tests.graph_worlds import GRAPH, evidence, sessions
from whatif.base.arrays import Floats
from whatif.base.rng import generator
from whatif.checks.graph_falsification import GraphFalsification
from whatif.checks.result import Status
from whatif.engines.dowhy_falsify import beside_shuffled, independence_p_value
from whatif.engines.graph_files import Dag, read_graph

SMALL: dict[str, Any] = {"customers": 300, "rows": 1_200}


def dag(text: str) -> Dag:
    return read_graph(text, base=Path())


def test_the_linear_test_is_bartletts_and_exact_enough() -> None:
    rng = generator(12, "bartlett")
    z = rng.standard_normal((200, 2))
    p_values = []
    for _ in range(400):
        x, y = (z @ rng.standard_normal((2, 2)) + rng.standard_normal((200, 2)) for _ in range(2))
        p_values.append(independence_p_value(x, y, z))
    assert stats.kstest(p_values, "uniform").pvalue > 0.01
    x, y = z[:, :1], 0.3 * z[:, :1] + rng.standard_normal((200, 1))
    pearson = stats.pearsonr(x[:, 0], y[:, 0]).pvalue
    assert independence_p_value(x, y) == pytest.approx(pearson, rel=0.15)
    assert independence_p_value(x, x, x) == 1.0


def test_a_right_graph_beats_shuffled_ones_and_a_shuffled_one_does_not() -> None:
    held = GraphFalsification().run(evidence(sessions(1)))
    assert held.status is Status.HELD
    assert "20 shuffled graphs fit as well" in held.finding
    assert GraphFalsification().run(evidence(sessions(1))) == held
    swapped = {"urbanicity": "cart", "cart": "urbanicity", "member": "distance",
               "distance": "member"}  # fmt: skip
    shuffled = "\n".join(f"{swapped.get(a, a)} -> {swapped.get(b, b)}" for a, b in dag(GRAPH).edges)
    broke = GraphFalsification().run(
        evidence(sessions(1), graph=shuffled, covariates=("cart", "urbanicity", "device",
                                                         "distance", "member"))
    )  # fmt: skip
    assert broke.status is Status.BROKE
    assert "a random one does no worse" in broke.finding


@pytest.mark.parametrize(
    ("rows", "keys", "words"),
    [
        ({"customers": 90, "rows": 900}, {}, "90 clusters without gaps, 100 needed"),
        (
            SMALL,
            {"graph": "device -> arm; arm -> converted; device -> converted; converted -> cost",
             "covariates": ("device",)},
            "too small or too plain",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_told_from_a_shuffled_graph_did_not_run(
    rows: dict[str, Any], keys: dict[str, Any], words: str
) -> None:
    result = GraphFalsification().run(evidence(sessions(2, **rows), **keys))
    assert result.status is Status.DID_NOT_RUN
    assert words in result.finding


def test_weak_data_do_not_break_a_graph() -> None:
    """Shuffled graphs fit noise as well as any; nothing is contradicted, so nothing is claimed."""
    frame = sessions(3, **SMALL)
    rng = generator(3, "noise")
    for name in ("distance", "cart", "cost"):
        frame[name] = rng.exponential(size=len(frame))
    for name in ("urbanicity", "device", "member", "arm", "converted"):
        frame[name] = rng.permutation(frame[name].to_numpy())
    result = GraphFalsification().run(evidence(frame))
    assert result.status is Status.DID_NOT_RUN
    assert "Too little data: no claim is contradicted" in result.finding


def test_no_graph_or_too_large_a_graph() -> None:
    none = GraphFalsification().run(evidence_of(world(1)))
    assert none.status is Status.NOT_APPLICABLE
    graph = GRAPH + "".join(f"; cost -> later{j}" for j in range(40))
    large = GraphFalsification().run(evidence(sessions(1, **SMALL), graph=graph))
    assert large.status is Status.DID_NOT_RUN
    assert "up to 40 can be compared" in large.finding
    full = "arm -> converted; arm -> cost; converted -> cost"
    plain = GraphFalsification().run(evidence(sessions(1, **SMALL), graph=full, covariates=()))
    assert plain.status is Status.NOT_APPLICABLE


# ---- DoWhy's defects, reproduced, and our path beside them


def theirs(
    edges: list[tuple[str, str]], data: pd.DataFrame, *, draws: int, jobs: int = 1, **keys: Any
) -> Any:
    from dowhy.gcm.falsify import falsify_graph

    def test(a: Floats, b: Floats, _z: Floats | None = None) -> float:
        return float(stats.pearsonr(np.ravel(a), np.ravel(b)).pvalue)

    return falsify_graph(
        nx.DiGraph(edges),
        data,
        independence_test=test,
        conditional_independence_test=test,
        n_permutations=draws,
        show_progress_bar=False,
        n_jobs=jobs,
        **keys,
    )


def test_dowhy_falsify_leaves_the_callers_random_numbers_changed_and_ours_does_not() -> None:
    rng = generator(13, "noise")
    data = pd.DataFrame(rng.standard_normal((50, 4)), columns=list("abcd"))
    edges = [("a", "b"), ("b", "c"), ("c", "d")]
    np.random.set_state(np.random.RandomState(1).get_state())  # noqa: NPY002
    before: Any = np.random.get_state()  # noqa: NPY002
    theirs(edges, data, draws=3)
    after: Any = np.random.get_state()  # noqa: NPY002
    assert not np.array_equal(before[1], after[1]) or before[2] != after[2]
    columns = {name: data[[name]].to_numpy() for name in "abcd"}
    state = random.getstate()
    one = beside_shuffled(dag("a -> b; b -> c; c -> d"), columns, draws=20, seed=5)
    now: Any = np.random.get_state()  # noqa: NPY002
    assert np.array_equal(after[1], now[1])
    assert after[2] == now[2]
    assert random.getstate() == state
    assert beside_shuffled(dag("a -> b; b -> c; c -> d"), columns, draws=20, seed=5) == one


def test_dowhy_draws_other_shuffles_where_its_tests_run_in_other_processes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every test seeds the generator of its process, from which the shuffles are drawn too."""
    import dowhy.gcm.falsify as inside

    rng = generator(13, "noise")
    data = pd.DataFrame(rng.standard_normal((50, 5)), columns=list("abcde"))
    edges = [("a", "b"), ("b", "c"), ("c", "d"), ("e", "d")]

    def equivalents() -> list[int]:
        np.random.set_state(np.random.RandomState(1).get_state())  # noqa: NPY002
        summary = theirs(edges, data, draws=20).summary
        found = summary[inside.FalsifyConst.VALIDATE_TPA]
        return list(found[inside.FalsifyConst.PERM_VIOLATIONS])

    here = equivalents()
    assert equivalents() == here
    monkeypatch.setattr(inside, "set_random_seed", lambda _seed: None)  # as if it ran elsewhere
    assert equivalents() != here


def test_dowhy_calls_weak_data_a_false_graph_and_we_say_too_little() -> None:
    """A right graph over unrelated noise is 'falsified' as soon as shuffles do as well."""
    from dowhy.gcm.falsify import FalsifyConst

    rng = generator(14, "noise")
    data = pd.DataFrame(rng.standard_normal((30, 5)), columns=list("abcde"))
    edges = [("a", "b"), ("b", "c"), ("c", "d"), ("e", "d")]
    np.random.set_state(np.random.RandomState(2).get_state())  # noqa: NPY002
    result = theirs(edges, data, draws=40)
    assert result.summary[FalsifyConst.VALIDATE_TPA][FalsifyConst.P_VALUE] < 0.05
    assert result.falsified
    columns = {name: data[[name]].to_numpy() for name in "abcde"}
    ours = beside_shuffled(dag("a -> b; b -> c; c -> d; e -> d"), columns, draws=40, seed=2)
    assert ours is not None
    assert ours.as_good > 0.05
    assert ours.smallest * ours.tests > 0.01


def test_dowhy_never_rejects_where_the_tolerated_share_of_shuffles_is_equivalent() -> None:
    """At exactly the level, ``falsifiable`` is true and ``falsified`` can never be."""
    from dowhy.gcm.falsify import EvaluationResult, FalsifyConst

    share = {FalsifyConst.P_VALUE: 0.05, FalsifyConst.N_TESTS: 5}
    worst = {FalsifyConst.P_VALUE: 1.0, FalsifyConst.N_TESTS: 5}
    summary = {FalsifyConst.VALIDATE_LMC: worst, FalsifyConst.VALIDATE_TPA: share}
    result = EvaluationResult(summary=summary, significance_level=0.05)
    assert result.falsifiable
    assert result.falsified is False


def test_hidden_nodes_are_skipped_without_a_warning() -> None:
    rng = generator(15, "hidden")
    columns = {name: rng.standard_normal((120, 1)) for name in "abcd"}
    found = beside_shuffled(dag("u -> a; u -> b; c -> d"), columns, draws=10, seed=0)
    assert found is not None
    assert found.tests > 0
