"""What a policy says in words: its rule, the choices it is compared with, and what to know."""

from __future__ import annotations

from collections.abc import Sequence

from whatif.scenarios.policy.lesson import FOLDS
from whatif.scenarios.policy.rule import Bound, Condition, Gap, Rule, Same

LEARNED = "choosing this way"
SEEN = "what units got"
EVERYONE = "everyone"
OTHERS = "all others"
UNWRITTEN = "A forest of trees chooses; it cannot be written as a rule."
BUDGET_TITLE = "What a budget gains"
NOBODY = "A share of 0: no rule was clearly better at that budget."


def choices(arms: Sequence[str]) -> tuple[str, ...]:
    """Return the names of a policy and of what it is compared with.

    Examples
    --------
    >>> choices(["folded", "expanded"])
    ('choosing this way', 'folded for everyone', 'expanded for everyone', 'what units got')
    """
    return (LEARNED, *(f"{arm} for everyone" for arm in arms), SEEN)


NEAR_TIES = (
    "where choices are almost equally good it held in nine of ten simulated studies, not in more."
)


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


def unclear_gain(control: str, *, gain: str, spread: str, counted: str, loses: bool) -> str:
    """Return that a rule is not clearly better than the control for everyone.

    Parameters
    ----------
    control : str
        The control.
    gain, spread : str
        Held-out gain over it, and its range in words; an empty range is left out.
    counted : str
        What the gain is in, as ``USD per session``.
    loses : bool
        Whether the whole range is below zero.

    Examples
    --------
    >>> unclear_gain("folded", gain="0.02", spread="−0.01 to 0.05", counted="USD per session",
    ...     loses=False)
    'On data it never saw, its gain over folded for everyone is not clear: 0.02 (likely range \
−0.01 to 0.05), in USD per session.'
    """
    likely = f" (likely range {spread})" if spread else ""
    clear = "is a loss" if loses else "is not clear"
    return (
        f"On data it never saw, its gain over {control} for {EVERYONE} {clear}: {gain}{likely}, "
        f"in {counted}."
    )


def policy_note(
    *,
    words: str,
    counted: str,
    over: Sequence[str],
    steps: Sequence[int],
    level: float,
    columns: Sequence[str],
    randomised: bool,
    population: str = "",
) -> str:
    """Return what a reader of a policy's table must know.

    Parameters
    ----------
    words : str
        The rule in words.
    counted : str
        What gains are in, as ``USD per session``.
    over : sequence of str
        Arms that are over a limit when given to everyone.
    steps : sequence of int
        What each part got: 0 the control for everyone, 1 the best single arm, 2 a rule.
    level : float
        Coverage.
    columns : sequence of str
        Columns that the rule could use.
    randomised : bool
        Whether units came to their arms by chance.
    population : str
        Who was kept, where units without overlap were left out; else empty.
    """
    parts = [
        words,
        f"Values are those of this way of choosing, learned on {FOLDS - 1} of {FOLDS} parts of the "
        "clusters and valued on the part left out; never of the rule on its own data.",
        f"Gain over it: {LEARNED} less that choice, in {counted}.",
        _over(over),
        _doubts(steps),
        f"The band is meant to hold for all gains at once, {level:.0%}, clustered, for a single "
        f"look; {NEAR_TIES}",
        _within(population, limited=bool(over)),
        f"The rule could use {', '.join(columns) or 'no column'}.",
        "" if randomised else "Units were not assigned by chance: at most worth testing.",
    ]
    return " ".join(part for part in parts if part)


def _within(population: str, *, limited: bool) -> str:
    """Say what a rule was not valued on, and what a limit cannot split."""
    parts = []
    if population:
        parts.append(f"Learned and valued on {population}; nothing is known of it outside.")
    if limited:
        parts.append(
            "A limit takes or leaves whole parts of the units, so a part larger than it gets "
            "nothing even where its gain is clear."
        )
    return " ".join(parts)


def _over(arms: Sequence[str]) -> str:
    """Say which choices a limit forbids."""
    if not arms:
        return ""
    named = " and ".join(f"{arm} for {EVERYONE}" for arm in arms)
    verbs = ("is", "stands") if len(arms) == 1 else ("are", "stand")
    return f"{named} {verbs[0]} over the limit and {verbs[1]} for comparison."


def _doubts(steps: Sequence[int]) -> str:
    """Say how often something simpler than a rule was kept."""
    names = ("the control for everyone", "one arm for everyone")
    kept = " and ".join(
        f"{name} in {steps.count(step)}" for step, name in enumerate(names) if step in steps
    )
    return kept and f"Where no gain over it was clear, the simpler stayed: {kept} of {FOLDS} parts."


def budget_note(*, level: float, randomised: bool, nobody: bool = False) -> str:
    """Return what a reader of gains by budget must know.

    Parameters
    ----------
    level : float
        Coverage.
    randomised : bool
        Whether units came to their arms by chance.
    nobody : bool
        Whether some budget above 0 is spent on nobody.
    """
    note = (
        "Gain per unit of the whole population over the control for everyone, on clusters that the "
        f"rule did not learn from; the band holds at all budgets at once, {level:.0%}, clustered."
    )
    said = [
        note,
        NOBODY if nobody else "",
        "" if randomised else "Not assigned by chance: at most worth testing.",
    ]
    return " ".join(part for part in said if part)
