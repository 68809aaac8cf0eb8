"""From a study and its graph to what is estimated, or to the reason why it cannot be."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches
from pathlib import Path

from whatif.base.errors import NotIdentifiedError, Problem, UsageError, did_you_mean
from whatif.contract.spec import ColumnProbability, PhaseProbability, StudySpec
from whatif.engines.dowhy_identify import Identified, NotIdentified, backdoor_set
from whatif.engines.graph_files import read_graph
from whatif.engines.graph_paths import (
    best_offer,
    blocks,
    closes,
    directed_path,
    drawn,
    must_measure,
    parents,
)
from whatif.graph.estimand import Estimand
from whatif.graph.question import ROW_FILTER, Question, filter_columns, question_of
from whatif.graph.words import assumptions, listed


def identify(spec: StudySpec, *, base: Path, columns: Collection[str]) -> Estimand:
    """Say what is estimated, which columns are adjusted for, and on which assumptions.

    With a graph, given `covariates` must block every backdoor path to every outcome; left out,
    they are DoWhy's set. Without a graph every covariate is taken as a common cause, or the
    randomisation is all that is needed; DoWhy is not imported then.

    Parameters
    ----------
    spec : StudySpec
        The study.
    base : Path
        Folder of the study file, where a relative path of the graph starts.
    columns : collection of str
        Columns that the data hold.

    Raises
    ------
    UsageError
        If the graph cannot be read, lacks a column that the study names, has a covariate, segment
        or filter column that the treatment causes, or draws causes of a randomised treatment.
    NotIdentifiedError
        If the adjustment leaves a backdoor path open, no measured columns close all of them, or
        the treatment cannot reach an outcome on the graph.
    """
    if spec.graph is None:
        return _without_graph(spec)
    question = question_of(spec, read_graph(spec.graph, base=base), columns)
    _require_nodes(question)
    _require_pre_treatment(question)
    _require_reachable(question)
    if question.randomised:
        _require_randomised(question)
    adjustment = _given(question) if spec.covariates is not None else _from_graph(question)
    if not question.randomised:
        _require_segments(question, adjustment)
    known = {*question.measured, *question.named}
    hidden = tuple(node for node in question.dag.nodes if node not in known)
    return Estimand(
        treatment=question.treatment,
        outcomes=question.outcomes,
        adjustment=adjustment,
        assumptions=assumptions(
            spec, adjustment=adjustment, filtered=question.filtered, hidden=hidden, graph=True
        ),
        source="randomised" if question.randomised else "graph",
        edges=question.dag.edges,
        hidden=hidden,
    )


def _without_graph(spec: StudySpec) -> Estimand:
    adjustment = tuple(sorted(spec.covariates or ()))
    return Estimand(
        treatment=spec.treatment.column,
        outcomes=tuple(outcome.column for outcome in spec.outcomes),
        adjustment=adjustment,
        assumptions=assumptions(
            spec, adjustment=adjustment, filtered=filter_columns(spec), hidden=(), graph=False
        ),
        source="randomised" if spec.design.kind == "experiment" else "covariates",
        edges=(),
        hidden=(),
    )


def _require_nodes(question: Question) -> None:
    nodes = list(question.dag.nodes)
    missing = [name for name in question.named if name not in nodes]
    if missing:
        raise UsageError(
            *(
                Problem(
                    what=f"{name!r} is not on the graph; {did_you_mean(name, nodes)}",
                    why="where a column stands among the causes decides whether it may be "
                    "adjusted for.",
                    fix="add the node with its arrows to the graph, or correct the name.",
                )
                for name in missing
            )
        )


def _require_pre_treatment(question: Question) -> None:
    roles = {
        **dict.fromkeys(question.filtered, "The column of the row filter"),
        **dict.fromkeys((*question.segments, *question.exploratory), "The segment"),
        **dict.fromkeys(question.covariates, "The covariate"),
    }
    problems = []
    for name, role in sorted(roles.items()):
        path = None
        if name in question.dag.nodes:
            path = directed_path(question.dag, question.treatment, name)
        if path is not None:
            problems.append(
                Problem(
                    what=f"{role} {name!r} is an effect of the treatment: {' → '.join(path)}.",
                    why="comparing units alike in something that the treatment changed hides a "
                    "part of the effect, and mixes up who is compared with whom.",
                    fix=f"remove {name!r} there, or use its value from before the treatment.",
                )
            )
    if problems:
        raise UsageError(*problems)


def _require_reachable(question: Question) -> None:
    dag, treatment = question.dag, question.treatment
    problems = [
        Problem(
            what=f"On the graph no chain of arrows leads from {treatment!r} to {outcome!r}.",
            why="the graph then says that the effect is exactly zero, and there is nothing to "
            "estimate.",
            fix="add the missing arrows, or remove the outcome.",
        )
        for outcome in question.outcomes
        if directed_path(dag, treatment, outcome) is None
    ]
    if problems:
        raise NotIdentifiedError(*problems)


def _require_randomised(question: Question) -> None:
    """Refuse causes of a randomised treatment, other than its declared chances and the coin."""
    given = question.spec.design.probability
    allowed = {given.column} if isinstance(given, ColumnProbability | PhaseProbability) else set()
    stray = [
        name
        for name in parents(question.dag, question.treatment)
        if name not in allowed and not _is_coin(question, name)
    ]
    if stray:
        path = f"{listed(stray)} → {question.treatment}"
        raise UsageError(
            Problem(
                what=f"The study is an experiment, but the graph draws causes of its treatment: "
                f"{path}.",
                why="if they move the chance of an arm, the arms differ by more than chance.",
                fix="declare their chances under `design.probability` (`{column: …}` or "
                "`{phases: …}`), delete the arrows if everybody had the same chances, or set "
                "`design: {kind: observational}`.",
            )
        )


def _is_coin(question: Question, node: str) -> bool:
    """Whether `node` is the draw itself: not measured, without causes, and with one effect."""
    effects = [b for a, b in question.dag.edges if a == node]
    hidden = node not in question.measured and node not in question.named
    return hidden and not parents(question.dag, node) and effects == [question.treatment]


def _given(question: Question) -> tuple[str, ...]:
    adjustment = tuple(sorted(question.covariates))
    if not question.randomised:
        _require_blocked(question, adjustment)
    return adjustment


def _from_graph(question: Question) -> tuple[str, ...]:
    dag, treatment, outcomes = question.dag, question.treatment, question.outcomes
    found = [
        backdoor_set(dag, treatment=treatment, outcome=outcome, measured=question.measured)
        for outcome in outcomes
    ]
    lost = [record for record in found if isinstance(record, NotIdentified)]
    if lost:
        raise NotIdentifiedError(*(_nothing_measured(question, record) for record in lost))
    sets = [set(record.adjustment) for record in found if isinstance(record, Identified)]
    union = tuple(sorted(set().union(*sets)))
    if all(blocks(dag, treatment, outcome, union) for outcome in outcomes):
        adjustment = union
    else:
        adjustment = best_offer(dag, treatment, outcomes, question.measured)
    _require_blocked(question, adjustment)
    return adjustment


def _nothing_measured(question: Question, record: NotIdentified) -> Problem:
    path = drawn(question.dag, record.open_path)
    return Problem(
        what=f"No measured columns identify the effect on {record.outcome!r}; this path stays "
        f"open: {path}.",
        why="the arms differ along it without any effect of the treatment.",
        fix=_measure_or_randomise(question, record.must_measure),
    )


def _measure_or_randomise(question: Question, needed: Collection[str]) -> str:
    near = [
        f"the column {match!r} may be the node {name!r} under another name"
        for name in needed
        for match in get_close_matches(name, sorted(question.measured), n=1, cutoff=0.8)
    ]
    hint = f" ({'; '.join(near)})" if near else ""
    return (
        f"measure {listed(needed)}{hint}, or run an experiment that assigns "
        f"{question.treatment} at random."
    )


def _require_blocked(question: Question, adjustment: tuple[str, ...]) -> None:
    problems = []
    for outcome in question.outcomes:
        path = question.open_path(outcome, adjustment)
        if path is not None:
            problems.append(
                Problem(
                    what=f"Adjusting for {listed(adjustment)} leaves a backdoor path to "
                    f"{outcome!r} open: {question.described(path, adjustment)}",
                    why="the arms differ along it without any effect of the treatment.",
                    fix=_how_to_close(question),
                )
            )
    if problems:
        raise NotIdentifiedError(*problems)


def _how_to_close(question: Question) -> str:
    dag, treatment, outcomes = question.dag, question.treatment, question.outcomes
    offer = best_offer(dag, treatment, outcomes, question.measured)
    if all(question.open_path(outcome, offer) is None for outcome in outcomes):
        return f"set `covariates: [{', '.join(offer)}]`: measured, and enough for every outcome."
    if closes(dag, treatment, outcomes, question.measured):
        return (
            f"keep all rows: without {ROW_FILTER} on {listed(question.filtered)}, adjusting "
            f"for {listed(offer)} is enough."
        )
    if all(closes(dag, treatment, [outcome], question.measured) for outcome in outcomes):
        return "make one study per outcome: each is identified, but by different columns."
    needed = must_measure(dag, treatment, outcomes, question.measured)
    return _measure_or_randomise(question, needed)


def _require_segments(question: Question, adjustment: tuple[str, ...]) -> None:
    """Refuse cuts that open a path; all cuts are adjusted for as soon as anything is."""
    spec = question.spec
    cuts = (
        [question.segments, *spec.exploratory]
        if adjustment
        else [*spec.segments, *spec.exploratory]
    )
    for cut in cuts:
        for outcome in question.outcomes:
            adjusted = {*adjustment, *cut}
            path = question.open_path(outcome, adjusted)
            if path is not None:
                raise NotIdentifiedError(
                    Problem(
                        what=f"Within segments by {listed(cut)} a backdoor path to {outcome!r} "
                        f"opens: {question.described(path, adjusted)}",
                        why="effects within those segments would mix in a difference that the "
                        "treatment did not make.",
                        fix="remove the segment that opens it, or measure and adjust for another "
                        "node of the path.",
                    )
                )
