"""Every sentence of the what-if block; ``{0}`` and ``{1}`` stand where numbers come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

TITLE = "What if?"
WHO = "Who gets it"
ARM = "Arm"
PROFIT = "Profit"
CELLS = "By segment (%)"
SETTINGS = "Worth, prices, size and mix"
RESET = "Back to the declared scenario"
LINK = "Link to this scenario"
OWN = "Your scenario"
PICKED = "That arm was picked from several by its result, so ranges are wider: they hold for each."
LOOKED = "Chosen after looking, so the ranges are wider."
ONE_LOOK = "These ranges are made for a single look."
FEW = "There are too few to give ranges."
NEWER = "This scenario file was made by a newer version of whatif, so nothing is evaluated here."
DAMAGED = "This scenario file is damaged, so nothing is evaluated here."
IGNORED = "A value was left out: it is no number, or nothing here has its name."
CLAMPED = "{0} was moved to its limit, {1}."
ALL_ELSE = (
    "Ranges count chance in the data alone. They do not say that an arm works elsewhere as it did "
    "here, or that prices stay as they are."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultWords:
    """How one number is said.

    Attributes
    ----------
    label : str
        What it is, with what follows it.
    change : (str, str, str, str)
        For more, none and less, and for what is too small to show; ``{0}`` is the size.
    range : (str, str, str)
        For a range at or above zero, at or below zero, and around it; ``{0}`` and ``{1}`` are the
        sizes of its lower and upper end.
    none : str
        In place of a range.
    least : int
        Fewest decimals; negative rounds to tens and hundreds.
    coin : bool
        Whether one decimal becomes two.
    """

    label: str
    change: tuple[str, str, str, str]
    range: tuple[str, str, str]
    none: str
    least: int
    coin: bool


def give_words(arm: str, control: str, *, who: str, units: str) -> str:
    """Return what the declared scenario is; `units` is empty when nobody said how many come.

    Examples
    --------
    >>> give_words("expanded", "folded", who="everyone", units="81,100 sessions a month")
    'Give expanded to everyone instead of folded, 81,100 sessions a month:'
    """
    many = f", {units}" if units else ""
    return f"Give {arm} to {who}{_instead(control, who)}{many}:"


def declared_words(arm: str, control: str, who: str) -> str:
    """Return what stands above the reader's numbers before anything is moved."""
    return f"As declared: {arm} for {who}{_instead(control, who)}."


def _instead(control: str, who: str) -> str:
    """Return against what, with a comma where `who` is more than a word."""
    return f"{',' if ' ' in who else ''} instead of {control}"


def result_words(
    label: str,
    *,
    noun: str = "",
    per: str,
    prefix: str,
    more: str = "more",
    fewer: str = "less",
    least: int,
    ranges: bool,
) -> ResultWords:
    """Return how a change is said: ``Converted: about 12 more orders a month (likely range …)``.

    Parameters
    ----------
    label : str
        The metric.
    noun, per : str
        What is counted, empty when unknown, and for how many.
    prefix : str
        Currency, with its space; empty for none.
    more, fewer : str
        Comparatives that fit the noun.
    least : int
        Fewest decimals.
    ranges : bool
        Whether there are enough clusters to give ranges at all.
    """
    tail = " ".join(part for part in (noun, per) if part)
    of = f"in {noun} {per}".rstrip() if noun else per
    none = f"no change {of}".rstrip()
    hidden = f"no change that shows {'in ' if of.startswith('a ') else ''}{of}".rstrip()
    return ResultWords(
        label=f"{label}: ",
        change=(
            f"about {prefix}{{0}} {more} {tail}",
            none,
            f"about {prefix}{{0}} {fewer} {tail}",
            hidden,
        ),
        range=(
            " (likely range {0} to {1})",
            f" (likely range {{1}} to {{0}} {fewer})",
            f" (likely range {{0}} {fewer} to {{1}} {more})",
        ),
        none="" if ranges else " (no range)",
        least=least,
        coin=bool(prefix),
    )


def one_of(noun: str, outcome: str) -> str:
    """Return what one of an outcome is called; `noun` is empty where nothing says what it counts.

    Examples
    --------
    >>> one_of("order", "converted"), one_of("", "converted")
    ('one order', 'each “converted”')
    """
    return f"one {noun}" if noun else f"each “{outcome}”"


def even_words(one: str, *, above: bool, prefix: str) -> ResultWords:
    """Return how the worth at which a scenario pays for itself is said; `one` as in `one_of`."""
    side = "more" if above else "less"
    lead = f"It pays if {one} is worth {side} than "
    nothing = f"{lead}{prefix}0"
    return ResultWords(
        label="",
        change=(f"{lead}{prefix}{{0}}", nothing, f"{lead}\u2212{prefix}{{0}}", nothing),
        range=(
            " (likely range {0} to {1}).",
            " (likely range \u2212{0} to \u2212{1}).",
            " (likely range \u2212{0} to {1}).",
        ),
        none=".",
        least=0,
        coin=True,
    )


def open_words(one: str) -> str:
    """Return that the data leave the break-even worth open."""
    return f"From which worth of {one} it pays is not clear yet."


def share_label(units: str, arm: str) -> str:
    """Return the label of the slider for everyone; `arm` is empty where the reader picks one."""
    return f"{units} that get {arm or 'the arm'} (%)"


def worth_label(one: str, currency: str) -> str:
    """Return the label of the worth of one unit; `one` as in `one_of`."""
    return f"Worth of {one} ({currency})" if currency else f"Worth of {one}"


def price_label(costs: str) -> str:
    """Return the label of the price level."""
    return f"Price level of {costs} (% of today)"


def month_label(units: str) -> str:
    """Return the label of the size of the shop."""
    return f"{units} a month"


def mix_label(units: str, column: str, level: str) -> str:
    """Return the label of a share of the mix."""
    return f"{units} with {column} {level} (%)"


def own_mix_label(units: str) -> str:
    """Return the label of the share of the level that the reader picks above it."""
    return f"Its share of {units} (%)"


def level_label(column: str) -> str:
    """Return the label of the choice of a level; `column` as a title."""
    return f"{column} whose share changes"


def asked_title(parts: Sequence[tuple[str, float, str]], study: str) -> str:
    """Return who gets what in an answer from a scenario file.

    Parameters
    ----------
    parts : sequence of (arm, share, where)
        Arms with their shares, and of whom; `where` is empty for everyone.
    study : str
        Its name.

    Examples
    --------
    >>> asked_title([("expanded", 0.5, "device is mobile")], "checkout")
    'Give expanded to 50 % where device is mobile, in checkout'
    >>> asked_title([("expanded", 1.0, "")], "checkout")
    'Give expanded to everyone, in checkout'
    """
    given = [f"{arm} {_to(share, where)}" for arm, share, where in parts]
    return f"Give {'; '.join(given)}, in {study}"


def _to(share: float, where: str) -> str:
    if not where:
        return "to everyone" if share == 1 else f"to {_percent(share)} of units"
    return f"where {where}" if share == 1 else f"to {_percent(share)} where {where}"


def _percent(share: float) -> str:
    return f"{100 * share:.4g} %"


def where_words(segment: Sequence[tuple[object, object]]) -> str:
    """Return a segment as a clause.

    Examples
    --------
    >>> where_words([("device", "mobile"), ("urbanicity", "rural")])
    'device is mobile and urbanicity is rural'
    """
    return " and ".join(f"{column} is {level}" for column, level in segment)


def worth_changed(outcome: str, worth: float, known: float, currency: str) -> str:
    """Return that an outcome is worth something else than in the study."""
    money = f"{currency} " if currency else ""
    return f"{outcome} worth {money}{worth:g} (study: {known:g})"


def factor_changed(outcome: str, factor: float) -> str:
    """Return that the price level of an outcome moved."""
    return f"{outcome} at {_percent(factor)} of today"


def arm_cost_changed(arm: str, cost: float, known: float, currency: str) -> str:
    """Return that an arm costs something else than in the study."""
    money = f"{currency} " if currency else ""
    return f"{arm} costing {money}{cost:g} a unit (study: {known:g})"


def units_changed(units: float, known: float | None) -> str:
    """Return that another number of units comes a month."""
    study = "" if known is None else f" (study: {known:,.0f})"
    return f"{units:,.0f} units a month{study}"


def mix_changed(column: str, shares: Mapping[str, float]) -> str:
    """Return another mix, e.g. ``device: mobile 80 %, desktop 20 %``."""
    return f"{column}: " + ", ".join(f"{level} {_percent(p)}" for level, p in shares.items())


def changed_words(parts: Sequence[str]) -> str:
    """Return what differs from the study's own amounts and mix; empty where nothing does."""
    return f"With {'; '.join(parts)}." if parts else ""
