"""Rules for `option`: a column of its own, settled after the treatment."""

from __future__ import annotations

from collections.abc import Iterator

from whatif.base.errors import UsageError
from whatif.contract.plain_errors import Finding, finding
from whatif.contract.spec import ColumnProbability, PhaseProbability, StudySpec
from whatif.contract.where import columns_of, parse_where

_NO_COST = ("binary", "count", "amount")


def option_rules(spec: StudySpec) -> Iterator[Finding]:
    """Yield every rule about `option` that `spec` breaks."""
    if spec.option is None:
        return
    uses = sorted({role for column, role in _uses(spec) if column == spec.option})
    if uses:
        yield finding(
            ("option",),
            f"option names {spec.option!r}, which is also {' and '.join(uses)}.",
            "what an order chose is a consequence of the arm: it can only split a cost.",
            "name the column that says which option an order chose, and keep it out elsewhere.",
        )
    if all(outcome.kind in _NO_COST for outcome in spec.outcomes):
        yield finding(
            ("option",),
            "option is given, but no outcome is a cost.",
            "the option of an order splits a difference in cost, and there is none.",
            "declare the cost of an order among outcomes with `kind: cost`, or remove option.",
        )


def _uses(spec: StudySpec) -> Iterator[tuple[str | None, str]]:
    """Yield every column that must not be the option, with its role in words."""
    yield spec.treatment.column, "the treatment"
    yield from ((outcome.column, "an outcome") for outcome in spec.outcomes)
    yield from ((name, "a covariate") for name in spec.covariates or ())
    cuts = (*spec.segments, *spec.exploratory)
    yield from ((name, "a segment") for cut in cuts for name in cut)
    keys = ("unit", "cluster", "assigned", "time", "weights", "assignment_log", "first_exposure")
    yield from ((getattr(spec, key), f"`{key}`") for key in keys)
    controls = spec.negative_controls
    named = (*controls.outcomes, *controls.treatments)
    yield from ((name, "a negative control") for name in named)
    given = spec.design.probability
    if isinstance(given, ColumnProbability | PhaseProbability):
        yield given.column, "`probability`"
    where = None if spec.data is None else spec.data.where
    for text, role in ((where, "read by `where`"), (spec.bots, "read by `bots`")):
        yield from ((name, role) for name in _read_by(text))


def _read_by(text: str | None) -> frozenset[str]:
    if text is None:
        return frozenset()
    try:
        return columns_of(parse_where(text))
    except UsageError:  # a rule of its own says so
        return frozenset()
