"""Sentences of the worth block: money a month, where it comes from, and when it breaks even."""

from __future__ import annotations

TITLE = "Worth"
TOGETHER = "Together"
OF_THE_ARM = "What the arm itself costs"
FIXED = "as declared"
NOT_BOUNDED = "not bounded"
NO_BOUND = "no bound"
PARTS = (
    "The parts add up to the whole. Their ranges do not, because orders and costs rise and fall "
    "together."
)
NOT_A_MONTH = (
    "The study says what outcomes are worth. It does not say how many units a month that would be "
    "for, and the data do not tell, so there is no amount a month."
)


def if_given(who: str, arm: str) -> str:
    """Return for whom the money is."""
    return f"If all of {who} got {arm}"


def heads(currency: str) -> tuple[str, str, str]:
    """Return the heads of the table of parts."""
    return ("Where it comes from", f"{currency} a month".strip(), "Likely range")


def part_words(label: str, *, worth: str, one: str) -> str:
    """Return what stands behind one part; `one` is what is counted, empty for money itself.

    Examples
    --------
    >>> part_words("Converted", worth="USD 18", one="order")
    'Converted, at USD 18 for one order'
    >>> part_words("Shipping cost", worth="-1", one="")
    'Shipping cost'
    """
    return f"{label}, at {worth} for one {one}" if one else label


def break_even_sentence(*, noun: str, above: bool, value: str, spread: str, one_look: bool) -> str:
    """Return from which worth of one unit an arm pays for itself."""
    side = "more" if above else "less"
    when = " at a single look" if one_look else ""
    return f"It pays if one {noun} is worth {side} than {value} (likely range {spread}{when})."


def declared_sentence(noun: str, worth: str) -> str:
    """Return what the study takes one unit to be worth."""
    return f"The study takes one {noun} to be worth {worth}."


def open_sentence(noun: str, *, kind: str, below: str, above: str, one_look: bool) -> str:
    """Return that the data leave the break-even worth open, and what they do rule out.

    Parameters
    ----------
    noun : str
        What is counted.
    kind : str
        Shape of the set of worths that are not ruled out: ``"interval"``, ``"rays"``, ``"all"``
        or ``"empty"``.
    below, above : str
        The ends of that set; empty where it has none.
    one_look : bool
        Whether this is said for a single look although there are several.
    """
    lead = f"From which worth of one {noun} it pays is not clear yet"
    when = ", at a single look" if one_look else ""
    if kind == "rays" and below and above:
        return f"{lead}: the data rule out only what lies between {below} and {above}{when}."
    if kind == "all":
        return f"{lead}: the data rule out no worth at all{when}."
    if kind == "empty":
        return f"{lead}: at no worth do gain and cost cancel{when}."
    if below or above:
        side = f"less than {below}" if below else f"more than {above}"
        return f"{lead}: the data rule out {side}{when}."
    return f"{lead}."
