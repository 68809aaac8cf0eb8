"""Rules for tables of other populations that effects are carried to."""

from __future__ import annotations

from collections.abc import Iterator

from whatif.base.errors import UsageError
from whatif.contract.plain_errors import Finding, finding
from whatif.contract.spec import StudySpec
from whatif.contract.where import columns_of, parse_where


def transport_rules(spec: StudySpec) -> Iterator[Finding]:
    """Yield every rule about `transport` that `spec` breaks."""
    if not spec.transport:
        return
    yield from _names(spec)
    yield from _filters(spec)
    if spec.target != "ate":
        yield finding(
            ("transport",),
            f"transport and target {spec.target!r}: a table of other people says who they are, "
            "not who of them would have got an arm.",
            f"nobody can tell which of its rows belong to target {spec.target!r}.",
            "leave out `target`, or leave out `transport`.",
        )
    if not spec.covariates and spec.graph is None:
        yield finding(
            ("transport",),
            "transport is given, but the study has no covariates.",
            "only columns that both tables hold can say how the other population differs.",
            "name the columns in which they differ under `covariates`.",
        )


def _names(spec: StudySpec) -> Iterator[Finding]:
    names = [one.name for one in spec.transport]
    for i, name in enumerate(names):
        if names.index(name) < i:
            yield finding(
                ("transport", i, "name"),
                f"transport lists {name!r} twice.",
                "an answer is asked for by the name of its population.",
                "give each population its own name.",
            )


def _filters(spec: StudySpec) -> Iterator[Finding]:
    later = {spec.treatment.column, *(outcome.column for outcome in spec.outcomes)}
    for i, one in enumerate(spec.transport):
        at = ("transport", i, "where")
        if one.where is None:
            continue
        try:
            used = columns_of(parse_where(one.where))
        except UsageError as error:
            yield from (Finding(at=at, problem=problem) for problem in error.problems)
            continue
        for column in sorted(used & later):
            yield finding(
                at,
                f"transport.{i}.where filters on {column!r}, which is not settled before the "
                "treatment.",
                "people chosen by what they did later respond otherwise than people like them.",
                "filter on pre-treatment columns only.",
            )
