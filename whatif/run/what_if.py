"""What-if questions asked of stored scores: names, prices and mixes read, and written down."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from whatif.base.arrays import Bools
from whatif.base.errors import Problem, UsageError
from whatif.contract.spec import StudySpec
from whatif.contract.where import columns_of, mask, parse_where
from whatif.contract.where_ast import All, Compare, Expression, Literal, Name
from whatif.effects.table import metrics_of
from whatif.publish.cut_log import log_cut
from whatif.run.prices import prices_of, require_readable
from whatif.scenarios.give import ScenarioAnswer, Whatif, give_arm
from whatif.scenarios.ledger import Ledger, ledger
from whatif.scenarios.mix import mix_of
from whatif.scores.record import Scores
from whatif.verdict.scenario_wording import Amounts


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A what-if as a caller writes it; what is left out stays as the study has it.

    Attributes
    ----------
    give : str or None
        The arm; None for the only one besides the control, or the one the verdict speaks of.
    where : str
        Row expression over pre-treatment columns; empty for everyone.
    share : float
        Share of those units that gets the arm.
    mix : mapping
        ``{column: {level: share}}``.
    per, factor, arm_cost, price : mapping
        Worth of one of each outcome; price level of each outcome; cost of an arm per unit; what an
        order pays under an arm.
    units_per_month : float or None
        Units a month in the whole population.
    """

    give: str | None = None
    where: str = ""
    share: float = 1.0
    mix: Mapping[Any, Mapping[Any, float]] = field(default_factory=dict)
    per: Mapping[str, float] = field(default_factory=dict)
    factor: Mapping[str, float] = field(default_factory=dict)
    arm_cost: Mapping[str, float] = field(default_factory=dict)
    price: Mapping[str, float] = field(default_factory=dict)
    units_per_month: float | None = None


def ask(
    scores: Scores,
    spec: StudySpec,
    question: Question,
    *,
    days: int | None,
    recommended: str | None = None,
    folder: Path | None = None,
) -> ScenarioAnswer:
    """Answer a what-if from scores; a group the study did not declare is logged for a stored run.

    Parameters
    ----------
    scores : Scores
        Scores of a run.
    spec : StudySpec
        Its study.
    question : Question
        What is asked.
    days : int or None
        Days the data cover, for units a month.
    recommended : str, optional
        The arm the verdict speaks of.
    folder : Path, optional
        The run folder of a stored run.

    Raises
    ------
    UsageError
        If a name or the expression is not known, nobody satisfies it, an amount is negative or
        not finite, shares do not add up, or the data cannot speak of the mix.
    PublishError
        If the log of cuts cannot be written.
    """
    require_readable(question)
    give = _given(scores, question.give, recommended)
    asked = None if not question.where else parse_where(question.where)
    book = ledger(scores)
    planned = asked is None or _is_declared(asked, spec)
    made = give_arm(
        scores,
        metrics_of(spec),
        Whatif(
            give=give,
            where=question.where,
            chosen=_chosen(book, asked, spec),
            share=question.share,
            mix=mix_of(question.mix) if question.mix else None,
            prices=prices_of(scores, spec, question, give=give, days=days),
            planned=planned,
        ),
        level=spec.level,
    )
    if folder is not None and not planned:
        log_cut(folder, (question.where,), at=dt.datetime.now(dt.UTC))
    return made


def amounts_of(question: Question) -> Amounts:
    """Return the amounts that a question puts in place of the study's."""
    return Amounts(
        per=question.per,
        factor=question.factor,
        arm_cost=question.arm_cost,
        price=question.price,
        units_per_month=question.units_per_month,
    )


def _given(scores: Scores, give: str | None, recommended: str | None) -> str:
    if give is not None:
        return give
    if recommended is not None:
        return recommended
    if len(scores.arms) == 2:  # noqa: PLR2004
        return scores.arms[1]
    raise UsageError(
        Problem(
            what="The question names no arm.",
            why=f"this study has several: {', '.join(scores.arms[1:])}.",
            fix="say which one to give.",
        )
    )


def _chosen(book: Ledger, asked: Expression | None, spec: StudySpec) -> Bools:
    if asked is None:
        return np.ones(book.n, dtype=np.bool_)
    kept = [str(name) for name in book.columns]
    unknown = sorted(columns_of(asked) - set(kept))
    measured = {spec.treatment.column, *(outcome.column for outcome in spec.outcomes)}
    after = [name for name in unknown if name in measured]
    if after:
        raise UsageError(
            Problem(
                what=f"{', '.join(map(repr, after))} is measured with or after the treatment.",
                why="whoever chose units by it would compare people that the arm itself sorted.",
                fix=f"choose by what was known before: {', '.join(kept) or 'nothing was kept'}.",
            )
        )
    if unknown:
        raise UsageError(
            Problem(
                what=f"{', '.join(map(repr, unknown))} was not kept with this run; kept: "
                f"{', '.join(kept) or 'nothing'}.",
                why="a run keeps the pre-treatment columns that its study names.",
                fix="correct the name, or add the column to `segments` or `covariates` and run "
                "the study again.",
            )
        )
    return mask(asked, book.frame(columns_of(asked)))


def _is_declared(asked: Expression, spec: StudySpec) -> bool:
    """Whether the expression names one level of every column of a declared dimension."""
    parts = asked.parts if isinstance(asked, All) else (asked,)
    named = [
        part.left.name
        for part in parts
        if isinstance(part, Compare)
        and part.op == "="
        and isinstance(part.left, Name)
        and isinstance(part.right, Literal)
    ]
    declared = {frozenset(dimension) for dimension in spec.segments}
    return len(named) == len(parts) == len(set(named)) and frozenset(named) in declared
