"""Score tables of other designs, for checks that need an estimate with its error."""

from __future__ import annotations

from collections.abc import Callable

from whatif.contract.spec import OverlapSpec
from whatif.design.record import Design
from whatif.scores.fit import fit_scores
from whatif.scores.record import Scores, Target

Rescore = Callable[[Design, tuple[str, ...]], Scores]


def rescorer(*, seed: int, target: Target, rule: OverlapSpec) -> Rescore:
    """Return what checks call when they need the scores of another design.

    ``rescore(design, learners)`` fits the named learners on one core. Units outside the study's
    overlap rule are left out, whatever the rule says for the study itself: the caller counts them
    as ``design.n − scores.n``.

    Parameters
    ----------
    seed : int
        The study's seed.
    target : str
        Whom averages speak of.
    rule : OverlapSpec
        Chances that count as extreme.
    """
    trimming = rule.model_copy(update={"rule": "trim"})

    def rescore(design: Design, learners: tuple[str, ...]) -> Scores:
        return fit_scores(
            design,
            rule=trimming,
            seed=seed,
            key="",
            target=target,
            learners=learners,
            workers=1,
        )

    return rescore
