"""What a policy is learned from and valued on: rewards, codes, weights and limits."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from whatif.base.arrays import Floats, Ints
from whatif.base.rng import generator
from whatif.scenarios.policy.columns import Codes, Feature
from whatif.scenarios.policy.rule import Condition

FOLDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Units that share a limit on how many of them may get an arm other than the control.

    Attributes
    ----------
    when : tuple of Condition
        Who belongs to it; empty for everyone.
    limit : float or None
        Largest share of the group's units; None is no limit.
    """

    when: tuple[Condition, ...]
    limit: float | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lesson:
    """Rewards of n units under A arms, and what a rule may know of them.

    Attributes
    ----------
    reward : ndarray, shape (n, A)
        ``Σ_k v_k Γ[i,a,k] − c_a``: doubly robust worth of each arm; arm 0 is the control.
    seen : ndarray, shape (n,)
        The same of the arm and the outcomes that the unit had.
    weight : ndarray, shape (n,)
        Sampling weights.
    cluster : ndarray of int64, shape (n,)
        Codes from 0 to C − 1, without gaps.
    arm : ndarray of int64, shape (n,)
        Arm the unit got.
    assigned : bool
        Whether whole clusters were assigned, for degrees of freedom.
    features : tuple of Feature, length F
        What the codes stand for.
    codes : ndarray of int16, shape (n, F)
        Coded pre-treatment columns.
    group : ndarray of int64, shape (n,)
        Place of the unit's group among `groups`.
    groups : tuple of Group
        Units with a limit of their own; one for everyone where there is no other.
    depth, min_leaf : int
        Most conditions on a path of one group's tree; fewest clusters behind a line of the rule.
    forest : bool
        Whether a forest chooses instead of one tree.
    level : float
        Coverage of intervals.
    seed : int
        The study's seed.
    """

    reward: Floats
    seen: Floats
    weight: Floats
    cluster: Ints
    arm: Ints
    assigned: bool
    features: tuple[Feature, ...]
    codes: Codes
    group: Ints
    groups: tuple[Group, ...]
    depth: int
    min_leaf: int
    forest: bool
    level: float
    seed: int

    @property
    def n(self) -> int:
        """Units."""
        return len(self.reward)

    @property
    def clusters(self) -> int:
        """Clusters."""
        return int(self.cluster.max()) + 1

    @property
    def fold(self) -> Ints:
        """Fold of each unit: whole clusters, drawn apart from the folds of the scores."""
        order = generator(self.seed, "policy folds").permutation(self.clusters)
        return np.asarray((order % FOLDS)[self.cluster])

    def limited(self, share: float) -> Lesson:
        """Return the lesson with one limit for everyone."""
        everyone = (Group(when=(), limit=share),)
        return replace(self, group=np.zeros(self.n, dtype=np.int64), groups=everyone)
