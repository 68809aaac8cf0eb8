"""Policies chosen on some folds and applied to the others, doubts settled inside those folds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from whatif.base.arrays import Bools, Ints
from whatif.scenarios.policy.gains import means
from whatif.scenarios.policy.lesson import FOLDS, Lesson

Apply = Callable[[Bools], Ints]
"""From units, shape (n,), to the arm of each at S steps of B policies, shape (units, S, B)."""

Learn = Callable[[Bools], Apply]
"""From units to learn from to B policies, each in S steps from simple to fine."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HeldOut:
    """What B ways of choosing give to units whose clusters they did not learn from.

    Attributes
    ----------
    arm : ndarray of int64, shape (n, B)
        Arm of each unit.
    step : ndarray of int64, shape (FOLDS, B)
        The step that was taken when the fold was held out; 0 is the control for everyone.
    final_step : ndarray of int64, shape (B,)
        The step that a policy learned on everything takes.
    """

    arm: Ints
    step: Ints
    final_step: Ints


def held_out(lesson: Lesson, learn: Learn) -> HeldOut:
    """Learn with each fold left out and apply what was learned to it.

    Where the gain of a step over the step taken so far is not clear, the simpler one stays; the
    first is the control for everyone. Whether it is clear is asked inside the folds that teach:
    each of them is left out in turn as well, and the lower end of the interval of the gain must
    exceed 0. A pair of folds left out serves both, so 15 policies are learned.

    Parameters
    ----------
    lesson : Lesson
        Rewards and codes of n units.
    learn : callable
        How policies are learned.
    """
    fold = lesson.fold
    alone = {k: learn(fold != k) for k in range(FOLDS)}
    pairs = {
        frozenset(pair): learn((fold != pair[0]) & (fold != pair[1]))
        for pair in combinations(range(FOLDS), 2)
    }
    raw = _left_out(fold, alone)
    arm = np.zeros((lesson.n, raw.shape[2]), dtype=np.int64)
    step = np.zeros((FOLDS, raw.shape[2]), dtype=np.int64)
    for k in range(FOLDS):
        teaches = fold != k
        inner = {j: pairs[frozenset((j, k))] for j in range(FOLDS) if j != k}
        step[k] = _step(lesson, _left_out(fold, inner)[teaches], teaches)
        arm[~teaches] = _taken(raw[~teaches], step[k])
    everyone = np.ones(lesson.n, dtype=np.bool_)
    return HeldOut(arm=arm, step=step, final_step=_step(lesson, raw, everyone))


def _left_out(fold: Ints, policies: Mapping[int, Apply]) -> Ints:
    """Apply to each fold the policies that did not learn from it; other folds get the control."""
    made = {k: policy(fold == k) for k, policy in policies.items()}
    out = np.zeros((fold.size, *made[min(made)].shape[1:]), dtype=np.int64)
    for k, arms in made.items():
        out[fold == k] = arms
    return out


def _step(lesson: Lesson, arm: Ints, rows: Bools) -> Ints:
    """Return the last step whose gain over the one taken before it is clear, shape (B,)."""
    reward = lesson.reward[rows]
    step = np.zeros(arm.shape[2], dtype=np.int64)
    for s in range(arm.shape[1]):
        finer = np.take_along_axis(reward, arm[:, s], axis=1)
        simpler = np.take_along_axis(reward, _taken(arm, step), axis=1)
        ends = means(lesson, finer - simpler, rows).intervals(lesson.level)
        clear = [low is not None and low > 0 for low, _ in ends]
        step[clear] = s + 1
    return step


def _taken(arm: Ints, step: Ints) -> Ints:
    """Return the arms of each policy at its step, shape (units, B)."""
    index = np.maximum(step - 1, 0)[None, None, :]
    return np.where(step > 0, np.take_along_axis(arm, index, axis=1)[:, 0], 0)
