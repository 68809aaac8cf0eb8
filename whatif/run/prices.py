"""Amounts of a what-if as a caller writes them: read, checked, and laid over the study's own."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from whatif.base.errors import Problem, UsageError
from whatif.contract.spec import StudySpec, ValueSpec
from whatif.effects.money import monthly_units
from whatif.run.named import index_of, require_sign
from whatif.scenarios.prices import Prices
from whatif.scores.record import Scores

if TYPE_CHECKING:
    from whatif.run.what_if import Question


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


def read_where(text: str | None) -> str:
    """Return the expression of a command line; none is everyone.

    Raises
    ------
    UsageError
        If it is there but empty: a variable that was not set must not mean everyone.
    """
    if text is not None and not text.strip():
        raise UsageError(
            Problem(
                what="--where is empty.",
                why="a name that was not filled in would mean everyone.",
                fix="write an expression, or leave --where out to ask about everyone.",
            )
        )
    return text or ""


def _pair(text: str, option: str) -> tuple[str, float]:
    name, _, number = text.rpartition("=")
    try:
        amount = float(number)
    except ValueError:
        amount = math.nan
    if not name or not math.isfinite(amount):
        example = "device:mobile=0.7" if option == "--mix" else f"{name or 'converted'}=18.5"
        raise _unreadable(option, text, f"{option} {example}")
    return name, amount


def _unreadable(option: str, text: str, example: str) -> UsageError:
    return UsageError(
        Problem(
            what=f"{option} {text!r} cannot be read.",
            why="a question that is half understood gets the wrong answer.",
            fix=f"write e.g. {example}.",
        )
    )


def require_readable(question: Question) -> None:
    """Refuse a question whose parts are of another kind than they must be.

    Raises
    ------
    UsageError
        If `where` is no text, an amount is no number, or amounts come without names.
    """
    if not isinstance(question.where, str):
        raise _kind("where", "text", "where=\"device = 'mobile'\"; `scenario_file.at` takes levels")
    _require_number("share", question.share)
    if question.units_per_month is not None:
        _require_number("units_per_month", question.units_per_month)
    examples = {
        "per": '{"converted": 22.0}',
        "factor": '{"shipping_cost": 1.1}',
        "arm_cost": '{"expanded": 0.05}',
        "price": '{"expanded": 0.3}',
    }
    for name, example in examples.items():
        given: object = getattr(question, name)
        if not isinstance(given, Mapping):
            raise _kind(name, "amounts by name", f"{name}={example}")
        for one, amount in given.items():
            _require_number(f"{name}[{one!r}]", amount)
    mix: object = question.mix
    example = 'mix={"device": {"mobile": 0.8, "desktop": 0.2}}'
    if not isinstance(mix, Mapping) or not all(isinstance(m, Mapping) for m in mix.values()):
        raise _kind("mix", "shares by level", example)
    for own in mix.values():
        for level, share in own.items():
            _require_number(f"the share of {level!r}", share)


def _require_number(what: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float | np.number):
        raise _kind(what, "a number", f"{what} as 0.5")
    if not math.isfinite(value):
        raise _refused(f"{what} is {value}, not a finite number.")


def _kind(what: str, wanted: str, example: str) -> UsageError:
    return UsageError(
        Problem(
            what=f"{what} is not {wanted}.",
            why="a question that is half understood gets the wrong answer.",
            fix=f"write e.g. {example}.",
        )
    )


def prices_of(
    scores: Scores, spec: StudySpec, question: Question, *, give: str, days: int | None
) -> Prices:
    """Return the study's prices with those of the question laid over them.

    Raises
    ------
    UsageError
        If a name is not known, an amount has the wrong sign, only an amount of money could have
        what was asked, or money is named where nothing is worth anything.
    """
    outcomes = list(scores.outcomes)
    known = spec.value or ValueSpec(currency="", per={})
    per = {**known.per, **question.per}
    _require_names(scores, spec, question, give)
    cost = {**known.arm_cost, **question.arm_cost}
    worth = np.array([per.get(name, 0.0) for name in outcomes])
    order = next((k for k, amount in enumerate(worth) if amount > 0), None)
    price = question.price.get(give, 0.0)
    if price and order is not None and (scores.y[:, order] % 1).any():
        raise _refused(
            f"A price is paid by orders, but {outcomes[order]!r}, the first outcome that is worth "
            "something, is no count of them."
        )
    if not worth.any() and (price or question.arm_cost):
        raise _refused(
            "A cost or price is named, but no outcome is worth anything, so there is no profit."
        )
    return Prices(
        per=worth,
        factor=np.array([question.factor.get(name, 1.0) for name in outcomes]),
        arm_cost=cost.get(give, 0.0) - cost.get(scores.arms[0], 0.0),
        price=price,
        order=order,
        currency=known.currency,
        units_per_month=_units(scores, known, question.units_per_month, days),
    )


def _require_names(scores: Scores, spec: StudySpec, question: Question, give: str) -> None:
    outcomes = list(scores.outcomes)
    for name, amount in question.per.items():
        index_of(name, outcomes, "outcome")
        require_sign(name, amount, spec, see="`answer.scenario`")
    for name, amount in question.factor.items():
        index_of(name, outcomes, "outcome")
        _require_price(f"the price level of {name!r}", amount)
        _require_amount(name, spec)
    for what, amounts_by_arm in (("cost", question.arm_cost), ("price", question.price)):
        for arm, amount in amounts_by_arm.items():
            index_of(arm, list(scores.arms), "arm")
            _require_price(f"the {what} of {arm!r}", amount)
    others = [arm for arm in question.price if arm != give]
    if others:
        raise _refused(f"A price of {others[0]!r} changes nothing: {give!r} is what is given.")


def _units(scores: Scores, known: ValueSpec, asked: float | None, days: int | None) -> float | None:
    if asked is not None and asked <= 0:
        raise _refused(f"Units a month must be more than 0, not {asked:g}.")
    value = known if asked is None else known.model_copy(update={"units_per_month": asked})
    return monthly_units(value, scores, days=days)


def _require_price(what: str, amount: float) -> None:
    if amount < 0:
        raise _refused(f"{what[:1].upper()}{what[1:]} is negative: {amount:g}.")


def _require_amount(name: str, spec: StudySpec) -> None:
    kinds = {outcome.column: outcome.kind for outcome in spec.outcomes}
    if kinds.get(name) in ("binary", "count", "category"):
        raise _refused(f"{name!r} has no price level: only an amount of money has one.")


def _refused(what: str) -> UsageError:
    return UsageError(
        Problem(
            what=what,
            why="money counted with the wrong sign or size answers another question.",
            fix="correct it: what earns is worth more than 0, what costs less; prices are not "
            "negative.",
        )
    )
