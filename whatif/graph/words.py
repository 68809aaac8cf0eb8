"""The assumptions behind an answer, in sentences that a product manager can agree with or not."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from whatif.contract.spec import ColumnProbability, PhaseProbability, StudySpec

NO_INTERFERENCE = (
    "No interference: the arm of one unit does not change the outcome of another. Shared delivery "
    "slots, carriers or couriers would break this."
)
ONE_VERSION = "Each arm is one thing: every unit in an arm was shown the same."


def listed(names: Collection[str]) -> str:
    """Return names in one phrase, in the order given.

    Examples
    --------
    >>> listed(["device", "hour", "week"])
    'device, hour and week'
    """
    *most, last = names or ["nothing"]
    return f"{', '.join(most)} and {last}" if most else last


def assumptions(
    spec: StudySpec,
    *,
    adjustment: Sequence[str],
    filtered: Sequence[str],
    hidden: Sequence[str],
    graph: bool,
) -> tuple[str, ...]:
    """Return what the reader has to believe, most important first.

    Parameters
    ----------
    spec : StudySpec
        The study.
    adjustment : sequence of str
        Columns adjusted for.
    filtered : sequence of str
        Columns that decide which rows are kept.
    hidden : sequence of str
        Nodes of the graph that the data do not measure.
    graph : bool
        Whether a graph was given.
    """
    treatment = spec.treatment.column
    if spec.design.kind == "experiment":
        first = _randomised(spec, treatment, adjustment)
    elif graph:
        first = _on_the_graph(treatment, adjustment, hidden)
    else:
        first = _without_graph(treatment, adjustment)
    before = list(dict.fromkeys([*adjustment, *_cuts(spec), *filtered]))
    if before:
        first.append(f"Settled before {treatment} could act: {listed(before)}.")
    return (*first, NO_INTERFERENCE, ONE_VERSION)


def _randomised(spec: StudySpec, treatment: str, adjustment: Sequence[str]) -> list[str]:
    given = spec.design.probability
    if isinstance(given, ColumnProbability):
        chance = f" with the chances logged in {given.column}"
    elif isinstance(given, PhaseProbability):
        chance = f" with the declared chances of each phase in {given.column}"
    elif isinstance(given, dict):
        chance = " with the declared chances"
    else:
        chance = ""
    out = [
        f"Who got which arm of {treatment} was randomised{chance}, so the arms differ by "
        "chance only."
    ]
    if adjustment:
        out.append(
            f"Adjusting for {listed(adjustment)} makes the answer more precise; it is not "
            "needed to make it right."
        )
    return out


def _on_the_graph(treatment: str, adjustment: Sequence[str], hidden: Sequence[str]) -> list[str]:
    out = [f"The graph is right: no common cause of {treatment} and the outcomes is missing on it."]
    if adjustment:
        out.append(f"Adjusting for {listed(adjustment)} blocks every backdoor path of the graph.")
    else:
        out.append("On the graph no backdoor path is open, so nothing has to be adjusted for.")
    if hidden:
        out.append(
            f"The graph has nodes that the data do not measure ({listed(hidden)}); no "
            "backdoor path through them is open."
        )
    return [*out, _overlap(treatment, adjustment)]


def _without_graph(treatment: str, adjustment: Sequence[str]) -> list[str]:
    if not adjustment:
        return [
            "No graph and no covariates were given: the arms are compared as they are, as if "
            f"nothing else caused both {treatment} and the outcomes."
        ]
    return [
        "No graph was given: every covariate is taken as a common cause "
        f"({listed(adjustment)}), and no other common cause of {treatment} and the outcomes "
        "is left out.",
        _overlap(treatment, adjustment),
    ]


def _overlap(treatment: str, adjustment: Sequence[str]) -> str:
    alike = f" among units alike in {listed(adjustment)}" if adjustment else ""
    return f"Every unit could have had every arm of {treatment}{alike}."


def _cuts(spec: StudySpec) -> list[str]:
    return [name for dimension in spec.segments for name in dimension]
