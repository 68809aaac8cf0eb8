"""DoWhy's comparison of a graph with shuffled ones, made repeatable and fast.

DoWhy 0.14 draws shuffles from numpy's global generator, which every single test of independence
seeds again, so its answer hangs on the number of processes and it leaves the caller's random
numbers changed; here it runs in one process and the generator is put back. Its ``falsified`` is
never true when exactly the tolerated share of shuffles is equivalent to the graph, and true as
soon as weak data tell nothing from nothing; here only its shares are read.
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy import special

from whatif.base.arrays import Floats
from whatif.engines.dowhy_loading import load_dowhy
from whatif.engines.graph_files import Dag
from whatif.engines.threads import one_blas_thread

LEVEL = 0.05
"""Level of each test of independence, and share of shuffles that may fit as well."""

_SMALL = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Shuffled:
    """A graph beside graphs with the same arrows and shuffled names.

    Attributes
    ----------
    tests, violations : int
        Independences that the graph claims of each node and its non-effects given its direct
        causes, and how many the data reject at .05.
    smallest : float
        Smallest p-value among them.
    as_good : float
        Share of shuffled graphs with no larger share of violations.
    equivalent : float
        Share of shuffled graphs that claim the very same independences.
    """

    tests: int
    violations: int
    smallest: float
    as_good: float
    equivalent: float


def beside_shuffled(
    dag: Dag, columns: Mapping[str, Floats], *, draws: int, seed: int
) -> Shuffled | None:
    """Compare a graph with `draws` graphs whose names are shuffled; None if it claims nothing.

    Parameters
    ----------
    dag : Dag
        The graph; claims about nodes without data are left out.
    columns : mapping of str to ndarray, shape (n, q)
        Complete columns of each measured node, rows independent of each other.
    draws : int
        Shuffled graphs.
    seed : int
        Seed of the shuffles.

    References
    ----------
    Eulig et al. (2023), Toward Falsifying Causal Graphs Using a Permutation-Based Test,
    arXiv:2305.09565, sections 3 and 4.
    """
    import networkx as nx

    names = sorted(columns)
    tester = _Tester(columns=[columns[name] for name in names])
    # DoWhy only hands columns on to the test, so the number of a column stands in for its data.
    stand_in = pd.DataFrame([np.arange(len(names), dtype=np.float64)], columns=names)
    graph = nx.DiGraph()
    graph.add_nodes_from(dag.nodes)
    graph.add_edges_from(dag.edges)
    with _own_randomness(seed), one_blas_thread(), warnings.catch_warnings():
        # Nodes without data are meant to be skipped.
        warnings.filterwarnings("ignore", message="WARN: Couldn't find data for node")
        load_dowhy()
        from dowhy.gcm.falsify import FalsifyConst, falsify_graph

        summary = falsify_graph(
            graph,
            stand_in,
            independence_test=tester.p_value,
            conditional_independence_test=tester.p_value,
            significance_level=LEVEL,
            significance_ci=LEVEL,
            n_permutations=draws,
            show_progress_bar=False,
            n_jobs=1,
        ).summary
    local, global_ = summary[FalsifyConst.VALIDATE_LMC], summary[FalsifyConst.VALIDATE_TPA]
    found = [p for p, _ in local[FalsifyConst.LOCAL_VIOLATION_INSIGHT].values()]
    if not found:
        return None
    return Shuffled(
        tests=int(local[FalsifyConst.N_TESTS]),
        violations=int(local[FalsifyConst.GIVEN_VIOLATIONS]),
        smallest=float(min(found)),
        as_good=float(local[FalsifyConst.P_VALUE]),
        equivalent=float(global_[FalsifyConst.P_VALUE]),
    )


def independence_p_value(one: Floats, other: Floats, given: Floats | None = None) -> float:
    """Test that two sets of columns are uncorrelated once a third is taken out linearly.

    Bartlett's approximation to the likelihood ratio of canonical correlations of the residuals;
    1 where nothing is left to compare.

    Parameters
    ----------
    one, other, given : ndarray, shapes (n, p), (n, q), (n, k)
        Independent rows.

    References
    ----------
    Bartlett (1947), Journal of the Royal Statistical Society, Supplement 9(2), 176–197.

    Examples
    --------
    >>> x = np.arange(20.0)[:, None]
    >>> independence_p_value(x, x) < 1e-6
    True
    """
    rows = len(one)
    constant = np.ones((rows, 1))
    base = _axes(constant if given is None else np.hstack([constant, given]))
    left, right = (_axes(side - base @ (base.T @ side), scale=side) for side in (one, other))
    if not left.size or not right.size:
        return 1.0
    shared = np.clip(np.linalg.svd(left.T @ right, compute_uv=False), 0.0, 1.0 - 1e-12)
    p, q = left.shape[1], right.shape[1]
    free = rows - base.shape[1] - (p + q + 1) / 2
    if free <= 0:
        return 1.0
    return float(special.chdtrc(p * q, -free * np.log1p(-(shared**2)).sum()))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Tester:
    """Looks up the columns that DoWhy's numbers stand for; the order of arguments is immaterial."""

    columns: list[Floats]
    curved: dict[int, Floats] = field(default_factory=dict)

    def p_value(self, one: Floats, other: Floats, given: Floats | None = None) -> float:
        a, b = sorted((int(np.ravel(one)[0]), int(np.ravel(other)[0])))
        others = sorted(int(i) for i in np.ravel(given)) if given is not None else []
        known = np.hstack([self._curved(i) for i in others]) if others else None
        return independence_p_value(self.columns[a], self.columns[b], known)

    def _curved(self, index: int) -> Floats:
        """Columns with their squares and cubes, so that a bent relation is taken out too."""
        if index not in self.curved:
            own = self.columns[index]
            self.curved[index] = np.hstack([own, own**2, own**3])
        return self.curved[index]


def _axes(values: Floats, *, scale: Floats | None = None) -> Floats:
    """Return orthonormal axes of the columns; what is negligible beside `scale` is nothing."""
    size = np.linalg.norm((values if scale is None else scale), axis=0)
    live = size > 0
    vectors, singular, _ = np.linalg.svd(values[:, live] / size[live], full_matrices=False)
    return np.asarray(vectors[:, singular > _SMALL])


@contextmanager
def _own_randomness(seed: int) -> Iterator[None]:
    """Seed the global generators for the block and put them back as they were."""
    numpy_state, python_state = np.random.get_state(), random.getstate()  # noqa: NPY002
    np.random.set_state(np.random.RandomState(seed).get_state())  # noqa: NPY002
    random.seed(seed)
    try:
        yield
    finally:
        np.random.set_state(numpy_state)  # noqa: NPY002
        random.setstate(python_state)
