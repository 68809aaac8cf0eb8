"""Rules for looking more than once: scheduled looks need a last day, and keys that serve them."""

from __future__ import annotations

from collections.abc import Iterator

from whatif.contract.plain_errors import Finding, finding
from whatif.contract.spec import DecisionSpec, StudySpec


def looks_rules(spec: StudySpec) -> Iterator[Finding]:
    """Yield every rule about looks that `spec` breaks.

    Parameters
    ----------
    spec : StudySpec
        A study whose keys and types are already sound.
    """
    decision = spec.decision
    if decision.looks == "scheduled" and decision.on is None:
        yield finding(
            ("decision", "on"),
            "decision.on is missing: the looks are scheduled.",
            "the error that each look may spend depends on how far the decision is away.",
            "add `on:`, the day of the decision, or use `looks: anytime`.",
        )
    for key in ("start", "every"):
        unused = getattr(decision, key) != DecisionSpec.model_fields[key].default
        if unused and decision.looks != "scheduled":
            yield finding(
                ("decision", key),
                f"decision.{key} is given, but the looks are {decision.looks!r}.",
                "only scheduled looks have days, so it would be ignored.",
                f"set `looks: scheduled`, or delete `{key}:`.",
            )
    if decision.start and decision.on and decision.on <= decision.start:
        yield finding(
            ("decision", "on"),
            f"decision.on {decision.on} does not lie after decision.start {decision.start}.",
            "scheduled looks are spread from the start to the day of the decision.",
            "correct one of the two days.",
        )
