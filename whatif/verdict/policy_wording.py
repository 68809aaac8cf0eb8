"""What a policy says in words: its rule, the choices it is compared with, and what to know."""

from __future__ import annotations

from collections.abc import Sequence

from whatif.scenarios.policy.lesson import FOLDS
from whatif.scenarios.policy.rule import Bound, Condition, Gap, Rule, Same
from whatif.verdict.record import Decision

LEARNED = "the learned policy"
SEEN = "what units got"
EVERYONE = "everyone"
OTHERS = "all others"
UNWRITTEN = "A forest of trees chooses; it cannot be written as a rule."
BUDGET_TITLE = "What a budget gains"


def choices(arms: Sequence[str]) -> tuple[str, ...]:
    """Return the names of a policy and of what it is compared with.

    Examples
    --------
    >>> choices(["folded", "expanded"])
    ('the learned policy', 'folded for everyone', 'expanded for everyone', 'what units got')
    """
    return (LEARNED, *(f"{arm} for everyone" for arm in arms), SEEN)


def rule_in_words(rule: Rule | None) -> str:
    """Return the rule as a sentence or two.

    Examples
    --------
    >>> from whatif.scenarios.policy.rule import Line
    >>> old = Bound(column="age", at=40.0, above=True, or_missing=True)
    >>> rule_in_words(Rule(treatment="t", lines=(Line(when=(old,), give="b"),), otherwise="a"))
    'Give b where age is above 40 or missing. All others get a.'
    """
    if rule is None:
        return UNWRITTEN
    if not rule.lines:
        return f"Give {rule.otherwise} to everyone: no gain over it is clear."
    if rule.for_everyone is not None:
        return f"Give {rule.for_everyone} to everyone."
    arms = dict.fromkeys(line.give for line in rule.lines)
    parts = [
        f"Give {arm} where "
        + "; or where ".join(conditions_in_words(x.when) for x in rule.lines if x.give == arm)
        + "."
        for arm in arms
    ]
    return " ".join([*parts, f"All others get {rule.otherwise}."])


def conditions_in_words(conditions: Sequence[Condition]) -> str:
    """Return conditions that all hold, in words; everyone where there is none."""
    return " and ".join(map(_words, conditions)) or EVERYONE


def _words(condition: Condition) -> str:
    match condition:
        case Gap(column=column, missing=missing):
            return f"{column} is {'missing' if missing else 'known'}"
        case Bound(column=column, at=at, above=above, or_missing=missing):
            text = f"{column} is {'above' if above else 'at most'} {_number(at)}"
        case Same(column=column, level=level, same=same, or_missing=missing):
            text = f"{column} is {'' if same else 'not '}{level}"
    return f"{text} or missing" if missing else text


def _number(value: float) -> str:
    return f"{int(value):,}" if value.is_integer() else repr(value)


def policy_note(
    *,
    words: str,
    steps: Sequence[int],
    level: float,
    columns: Sequence[str],
    randomised: bool,
    decision: Decision,
) -> str:
    """Return what a reader of a policy's table must know.

    Parameters
    ----------
    words : str
        The rule in words.
    steps : sequence of int
        What each part got: 0 the control for everyone, 1 the best single arm, 2 a rule.
    level : float
        Coverage.
    columns : sequence of str
        Columns that the rule could use.
    randomised : bool
        Whether units came to their arms by chance.
    decision : Decision
        The study's verdict.
    """
    parts = [
        words,
        f"Values are those of this way of choosing, learned on {FOLDS - 1} of {FOLDS} parts of the "
        "clusters and valued on the part left out; never of the rule on its own data.",
        _doubts(steps),
        f"The band holds for all gains at once, {level:.0%}, clustered, for a single look.",
        f"The rule could use {', '.join(columns) or 'no column'}.",
        "" if randomised else "Units were not assigned by chance: at most worth testing.",
        "This study's verdict is withheld: its checks say that its numbers cannot be trusted."
        if decision is Decision.CANNOT_BE_TRUSTED else "",
    ]  # fmt: skip
    return " ".join(part for part in parts if part)


def _doubts(steps: Sequence[int]) -> str:
    """Say how often something simpler than a rule was kept."""
    names = ("the control for everyone", "one arm for everyone")
    kept = " and ".join(
        f"{name} in {steps.count(step)}" for step, name in enumerate(names) if step in steps
    )
    return kept and f"Where no gain over it was clear, the simpler stayed: {kept} of {FOLDS} parts."


def budget_note(*, level: float, randomised: bool) -> str:
    """Return what a reader of gains by budget must know."""
    note = (
        "Gain per unit of the whole population over the control for everyone, on clusters that the "
        f"rule did not learn from; the band holds at all budgets at once, {level:.0%}, clustered."
    )
    return note if randomised else f"{note} Not assigned by chance: at most worth testing."
