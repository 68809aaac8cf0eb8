"""Every sentence of the what-if block; ``{0}`` and ``{1}`` stand where numbers come."""

from __future__ import annotations

from dataclasses import dataclass

TITLE = "What if?"
WHO = "Who gets it"
ARM = "Arm"
PROFIT = "Profit"
SETTINGS = "Worth, prices and size"
RESET = "Back to the declared scenario"
LINK = "Link to this scenario"
OWN = "Your scenario"
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
    change : (str, str, str)
        For more, none and less; ``{0}`` is the size.
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
    change: tuple[str, str, str]
    range: tuple[str, str, str]
    none: str
    least: int
    coin: bool


def give_words(arm: str, *, who: str, units: str) -> str:
    """Return what the declared scenario is; `units` is empty when nobody said how many come."""
    many = f", {units}" if units else ""
    return f"Give {arm} to {who}{many}:"


def declared_words(arm: str, who: str) -> str:
    """Return what stands above the reader's numbers before anything is moved."""
    return f"As declared: {arm} for {who}."


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
    none = " ".join(part for part in ("no change", f"in {noun}" if noun else "", per) if part)
    return ResultWords(
        label=f"{label}: ",
        change=(f"about {prefix}{{0}} {more} {tail}", none, f"about {prefix}{{0}} {fewer} {tail}"),
        range=(
            " (likely range {0} to {1})",
            f" (likely range {{1}} to {{0}} {fewer})",
            f" (likely range {{0}} {fewer} to {{1}} {more})",
        ),
        none="" if ranges else " (no range)",
        least=least,
        coin=bool(prefix),
    )


def even_words(noun: str, *, above: bool, prefix: str) -> ResultWords:
    """Return how the worth at which a scenario pays for itself is said."""
    side = "more" if above else "less"
    lead = f"It pays if one {noun} is worth {side} than "
    return ResultWords(
        label="",
        change=(f"{lead}{prefix}{{0}}", f"{lead}{prefix}0", f"{lead}\u2212{prefix}{{0}}"),
        range=(
            " (likely range {0} to {1}).",
            " (likely range \u2212{0} to \u2212{1}).",
            " (likely range \u2212{0} to {1}).",
        ),
        none=".",
        least=0,
        coin=True,
    )


def share_label(units: str, arm: str) -> str:
    """Return the label of the slider for everyone; `arm` is empty where the reader picks one."""
    return f"{units} that get {arm or 'the arm'} (%)"


def cells_label(count: int) -> str:
    """Return the heading of the sliders by segment."""
    return f"By segment ({count}, %)"


def worth_label(noun: str, currency: str) -> str:
    """Return the label of the worth of one unit."""
    return f"Worth of one {noun} ({currency})" if currency else f"Worth of one {noun}"


def price_label(costs: str) -> str:
    """Return the label of the price level."""
    return f"Price level of {costs} (% of today)"


def month_label(units: str) -> str:
    """Return the label of the size of the shop."""
    return f"{units} a month"


def mix_label(units: str, column: str, level: str) -> str:
    """Return the label of a share of the mix; without a level the reader picks it."""
    return f"{units} with {column} {level} (%)" if level else f"{units} at that level (%)"


def level_label(column: str) -> str:
    """Return the label of the choice of a level."""
    return f"Level of {column} whose share moves"
