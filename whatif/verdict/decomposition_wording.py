"""Sentences about why a cost per unit differs: an accounting split in three parts."""

from __future__ import annotations

from collections.abc import Sequence

from whatif.verdict.page_wording import Sentence

NOT_EFFECTS = (
    "An accounting split of one difference, not three effects: cost within an option also moves "
    "with who chooses it."
)
ONE_LOOK = "Its ranges are made for a single look."
DETAILS = "Options, and the same split by segment"
OPTIONS = "Options"
BEHIND = "Options behind it"
PAIRS = "Pairs hold the arm compared with, then the arm."
TOO_FEW = "Where no number stands, there are too few orders or clusters, or one arm is missing."
WITHHELD = "This run\u2019s verdict is withheld: its numbers cannot be trusted."
PARTS = {
    "volume": "Orders",
    "mix": "Options chosen",
    "rate": "Cost within an option",
    "total": "Together",
}
COUNTS = {
    "volume": "how many orders come",
    "mix": "which options they choose",
    "rate": "what an order with the same option costs",
    "total": "the whole difference",
}
_UNSETTLED = {part: words.lower() for part, words in PARTS.items()} | {"total": "the whole"}
_BECAUSE = {
    "volume": ("more orders came", "fewer orders came"),
    "mix": ("dearer options were chosen", "cheaper options were chosen"),
    "rate": ("the same option cost more", "the same option cost less"),
}
_NONE = {
    "volume": "none from the number of orders",
    "mix": "none from which options were chosen",
    "rate": "none from what the same option cost",
}


def title(cost: str) -> str:
    """Return the heading of the block; `cost` is a label with what it is counted per."""
    return f"Why {cost} differs"


def counted_note(unit: str, *, level: float) -> str:
    """Return what the numbers of the split are in, and what their ranges hold.

    Examples
    --------
    >>> counted_note("USD per session", level=0.95)
    'In USD per session. Clustered 95% intervals, each on its own.'
    """
    return f"In {unit}. Clustered {level:.0%} intervals, each on its own."


def clause(part: str, *, size: str, direction: int) -> str:
    """Return what one part contributed; `direction` is 1 for more, −1 for less, 0 for nothing.

    Examples
    --------
    >>> clause("mix", size="USD 0.02", direction=-1)
    'down USD 0.02 because cheaper options were chosen'
    """
    if direction == 0:
        return _NONE[part]
    more, fewer = _BECAUSE[part]
    return f"up {size} because {more}" if direction > 0 else f"down {size} because {fewer}"


def split_sentence(
    *,
    comparison: str,
    cost: str,
    size: str,
    direction: int,
    spread: str,
    clauses: Sequence[str],
    unsettled: Sequence[str],
) -> Sentence:
    """Return the one sentence of an arm.

    Parameters
    ----------
    comparison : str
        The arm instead of the control, in words.
    cost : str
        The cost inside a sentence, with what it is counted per.
    size, spread : str
        The whole difference without a sign, and its range; an empty range is left out.
    direction : int
        1 for more, −1 for less, 0 where it rounds to nothing.
    clauses : sequence of str
        What each part contributed.
    unsettled : sequence of str
        Parts whose range reaches both sides of zero.
    """
    moved = {1: "rose by about ", -1: "fell by about ", 0: "changed by "}[direction]
    likely = f" (likely range {spread})" if spread else ""
    open_parts = [_UNSETTLED[part] for part in unsettled]
    doubt = f" Not clear yet which way: {', '.join(open_parts)}." if open_parts else ""
    return Sentence(
        lead=f"With {comparison}, {cost} {moved}",
        strong=size if direction else "nothing that shows",
        rest=f"{likely}: {', '.join(clauses)}.{doubt}",
    )


def too_few_sentence(comparison: str, cost: str) -> str:
    """Return that there are too few orders to split the difference."""
    return f"With {comparison}, there are too few orders yet to say why {cost} differs."


def borrowed_sentence(option: str, arm: str) -> str:
    """Return how an option counts that only one arm had."""
    return (
        f"Only {arm} had {option}: its cost there stands for both, so that it counts among the "
        "options chosen."
    )
