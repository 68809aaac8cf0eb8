"""What-if questions asked of stored scores: names, prices and mixes read, and written down."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from whatif.base.arrays import Bools
from whatif.base.errors import Problem, UsageError
from whatif.contract.spec import StudySpec, ValueSpec
from whatif.contract.where import columns_of, mask, parse_where
from whatif.contract.where_ast import All, Compare, Expression, Literal, Name
from whatif.effects.money import units_per_month
from whatif.effects.table import metrics_of
from whatif.publish.cut_log import log_cut
from whatif.run.named import index_of, require_finite
from whatif.scenarios.give import ScenarioAnswer, Whatif, give_arm
from whatif.scenarios.ledger import Ledger, ledger
from whatif.scenarios.mix import mix_of
from whatif.scenarios.prices import Prices
from whatif.scores.record import Scores


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


def amounts(pairs: Sequence[str], option: str) -> dict[str, float]:
    """Read ``NAME=NUMBER`` of a command line.

    Raises
    ------
    UsageError
        If a pair is not one.

    Examples
    --------
    >>> amounts(["converted=20"], "--value")
    {'converted': 20.0}
    """
    return dict(_pair(text, option) for text in pairs)


def shares(pairs: Sequence[str]) -> dict[str, dict[str, float]]:
    """Read ``COLUMN:LEVEL=SHARE`` of a command line.

    Raises
    ------
    UsageError
        If a pair is not one.

    Examples
    --------
    >>> shares(["device:mobile=0.7", "device:desktop=0.3"])
    {'device': {'mobile': 0.7, 'desktop': 0.3}}
    """
    found: dict[str, dict[str, float]] = {}
    for text in pairs:
        name, share = _pair(text, "--mix")
        column, colon, level = name.partition(":")
        if not colon:
            raise _unreadable("--mix", text, "--mix device:mobile=0.7")
        found.setdefault(column, {})[level] = share
    return found


def _pair(text: str, option: str) -> tuple[str, float]:
    name, _, number = text.rpartition("=")
    try:
        amount = float(number)
    except ValueError:
        amount = math.nan
    if not name or not math.isfinite(amount):
        raise _unreadable(option, text, f"{option} {name or 'converted'}=18.5")
    return name, amount


def _unreadable(option: str, text: str, example: str) -> UsageError:
    return UsageError(
        Problem(
            what=f"{option} {text!r} cannot be read.",
            why="a question that is half understood gets the wrong answer.",
            fix=f"write e.g. {example}.",
        )
    )


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
            prices=_prices(scores, spec, question, give=give, days=days),
            planned=planned,
        ),
        level=spec.level,
    )
    if folder is not None and not planned:
        log_cut(folder, (question.where,), at=dt.datetime.now(dt.UTC))
    return made


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


def _prices(
    scores: Scores, spec: StudySpec, question: Question, *, give: str, days: int | None
) -> Prices:
    outcomes = list(scores.outcomes)
    known = spec.value or ValueSpec(currency="", per={})
    per = {**known.per, **question.per}
    for name, amount in question.per.items():
        index_of(name, outcomes, "outcome")
        require_finite(f"the worth of {name!r}", amount)
        _require_sign(name, amount, spec)
    for name, amount in question.factor.items():
        index_of(name, outcomes, "outcome")
        _require_price(f"the price level of {name!r}", amount)
        _require_amount(name, spec)
    for what, amounts in (("cost", question.arm_cost), ("price", question.price)):
        for arm, amount in amounts.items():
            index_of(arm, list(scores.arms), "arm")
            _require_price(f"the {what} of {arm!r}", amount)
    cost = {**known.arm_cost, **question.arm_cost}
    worth = np.array([per.get(name, 0.0) for name in outcomes])
    order = next((k for k, amount in enumerate(worth) if amount > 0), None)
    price = question.price.get(give, 0.0)
    if price and order is None:
        raise _refused("A price is named, but no outcome is worth anything, so nobody pays it.")
    return Prices(
        per=worth,
        factor=np.array([question.factor.get(name, 1.0) for name in outcomes]),
        arm_cost=cost.get(give, 0.0) - cost.get(scores.arms[0], 0.0),
        price=price,
        order=order,
        currency=known.currency,
        units_per_month=_units(scores, known, question.units_per_month, days),
    )


def _units(scores: Scores, known: ValueSpec, asked: float | None, days: int | None) -> float | None:
    if asked is None:
        return units_per_month(known, units=scores.n, days=days)
    if not (math.isfinite(asked) and asked > 0):
        raise _refused(f"Units a month must be more than 0, not {asked:g}.")
    return asked


def _require_price(what: str, amount: float) -> None:
    require_finite(what, amount)
    if amount < 0:
        raise _refused(f"{what[:1].upper()}{what[1:]} is negative: {amount:g}.")


def _require_sign(name: str, amount: float, spec: StudySpec) -> None:
    """Refuse a worth on the wrong side: an order costs nothing to have, a cost earns nothing."""
    known = None if spec.value is None else spec.value.per.get(name)
    if known is not None and known * amount < 0:
        raise _refused(
            f"The worth of {name!r} is {known:g} in the study, and cannot become {amount:g}."
        )


def _require_amount(name: str, spec: StudySpec) -> None:
    kinds = {outcome.column: outcome.kind for outcome in spec.outcomes}
    if kinds.get(name) in ("binary", "count", "category"):
        raise _refused(f"{name!r} has no price level: only an amount of money has one.")


def _refused(what: str) -> UsageError:
    return UsageError(
        Problem(
            what=what,
            why="money counted with the wrong sign or size answers another question.",
            fix="correct the amount; see `answer.scenario`.",
        )
    )
