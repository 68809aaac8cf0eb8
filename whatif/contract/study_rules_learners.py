"""Rules for `learners`: names that exist, and can model what the study asks of them."""

from __future__ import annotations

from collections.abc import Iterator

from whatif.base.errors import Problem, UsageError
from whatif.contract.plain_errors import Finding
from whatif.contract.spec import StudySpec
from whatif.engines.sklearn_learners import (
    amount_problem,
    chance_problem,
    named_learner,
    weight_problem,
)

OURS = ("glm", "boosting")
_AMOUNTS = ("count", "amount", "cost")


def learner_rules(spec: StudySpec) -> Iterator[Finding]:
    """Yield every rule about learners that `spec` breaks.

    Parameters
    ----------
    spec : StudySpec
        A study whose keys and types are already sound.
    """
    for i, name in enumerate(spec.learners):
        if name in spec.learners[:i]:
            twice = Problem(
                what=f"learners lists {name!r} twice.",
                why="each learner is fitted once for every outcome and arm.",
                fix="list it once.",
            )
            yield Finding(at=("learners", i), problem=twice)
        elif name not in OURS:
            yield from (Finding(at=("learners", i), problem=p) for p in _problems(name, spec))


def _problems(name: str, spec: StudySpec) -> Iterator[Problem]:
    try:
        learner = named_learner(name)
    except UsageError as error:
        yield from error.problems
        return
    if learner.regressor is None and any(o.kind in _AMOUNTS for o in spec.outcomes):
        yield amount_problem(name)
    if learner.classifier is None and spec.design.kind == "observational":
        yield chance_problem(name)
    if spec.weights is not None and not learner.weighted:
        yield weight_problem(name)
