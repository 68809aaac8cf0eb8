"""Rules for what only checks read: negative controls, events, bots, maturity, assignment log."""

from __future__ import annotations

from collections.abc import Iterator

from whatif.base.errors import UsageError
from whatif.contract.plain_errors import Finding, finding
from whatif.contract.spec import StudySpec
from whatif.contract.where import columns_of, parse_where


def check_keys_rules(spec: StudySpec) -> Iterator[Finding]:
    """Yield every rule about the keys of checks that `spec` breaks."""
    yield from _negative_controls(spec)
    yield from _events(spec)
    yield from _bots(spec)
    yield from _needs_time(spec)
    yield from _assignment_log(spec)


def _negative_controls(spec: StudySpec) -> Iterator[Finding]:
    outcomes = {outcome.column for outcome in spec.outcomes}
    used = {
        spec.treatment.column: "the treatment",
        **dict.fromkeys(spec.covariates or (), "a covariate"),
        **dict.fromkeys(outcomes, "an outcome"),
    }
    controls = spec.negative_controls
    for key, names in (("outcomes", controls.outcomes), ("treatments", controls.treatments)):
        for i, name in enumerate(names):
            if name in used:
                yield finding(
                    ("negative_controls", key, i),
                    f"negative_controls.{key} names {name!r}, which is {used[name]}.",
                    "a control that takes part in the study cannot tell whether it is sound.",
                    "name a column that the study does not use, or remove it here.",
                )
    for name in sorted(set(controls.outcomes) & set(controls.treatments)):
        yield finding(
            ("negative_controls", "treatments"),
            f"{name!r} is a negative control outcome and a negative control treatment.",
            "one is moved by what moves the outcome, the other by what moves the arm.",
            "list it once.",
        )


def _events(spec: StudySpec) -> Iterator[Finding]:
    names = [event.name for event in spec.events]
    for i, event in enumerate(spec.events):
        if event.end < event.start:
            yield finding(
                ("events", i),
                f"events.{i} ({event.name}) ends on {event.end}, before it starts.",
                "no day lies inside it.",
                "give its first day as `start` and its last as `end`.",
            )
        if names.index(event.name) < i:
            yield finding(
                ("events", i, "name"),
                f"events lists {event.name!r} twice.",
                "effects are shown by the name of the event.",
                "give each event its own name.",
            )


def _bots(spec: StudySpec) -> Iterator[Finding]:
    if spec.bots is None:
        return
    try:
        used = columns_of(parse_where(spec.bots))
    except UsageError as error:
        yield from (Finding(at=("bots",), problem=problem) for problem in error.problems)
        return
    later = {spec.treatment.column, *(outcome.column for outcome in spec.outcomes)}
    for column in sorted(used & later):
        yield finding(
            ("bots",),
            f"bots looks at {column!r}, which is not settled before the treatment.",
            "leaving out rows by what the treatment did invents an effect.",
            "use pre-treatment columns only.",
        )


def _needs_time(spec: StudySpec) -> Iterator[Finding]:
    if spec.time is not None:
        return
    for key, given in (("events", spec.events), ("maturity", spec.maturity)):
        if given:
            yield finding(
                ("time",),
                f"time is missing: `{key}` speaks of days.",
                "without the moment of each row nobody can tell which rows it means.",
                "add `time:` with the column that holds the moment of each row.",
            )


def _assignment_log(spec: StudySpec) -> Iterator[Finding]:
    if spec.assignment_log is None:
        return
    if spec.assignment_log == spec.treatment.column:
        yield finding(
            ("assignment_log",),
            f"assignment_log names {spec.assignment_log!r}, the treatment itself.",
            "a column always agrees with itself, so nothing would be checked.",
            "name the column with the arm as the assignment wrote it down.",
        )
    elif spec.design.kind != "experiment":
        yield finding(
            ("assignment_log",),
            f"assignment_log is given, but design.kind is {spec.design.kind!r}.",
            "without an assignment there is nothing to hold the arm against.",
            "remove it, or declare the experiment.",
        )
