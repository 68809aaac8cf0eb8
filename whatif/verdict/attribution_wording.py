"""Sentences about why a number moved; amounts arrive as text, words are chosen here."""

from __future__ import annotations

from collections.abc import Sequence

from whatif.effects.rows import Segment
from whatif.verdict.wording import plain, readable

TITLE = "Why the number moved"
BECAUSE = {
    "mix": "because other segments came",
    "treatment_share": "because arms were given to other shares",
    "mechanism": "because people behaved differently, or prices changed, within a segment and arm",
}
ACCOUNTING = (
    "The parts are accounting: they say where the move sits, not what caused it. Only the last row "
    "is causal, and as far as the study\u2019s effects are: the change of the arms\u2019 shares "
    "times those effects. It is no part of the sum."
)
ADDING = (
    "Mix, treatment share and mechanism add up to the total; their ranges do not. Ranges are "
    "clustered over both periods together and made for a single look."
)
NO_SEGMENTS = (
    "The study declares no segments, so the mix is one cell and has no part in the move: a change "
    "in who came counts as mechanism."
)
CHANCE = "Where a range holds zero, it may be chance alone."
NO_RANGES = "There are too few clusters or orders for ranges."
_NAMED = 3


def move_sentence(
    name: str, *, direction: int, size: str, spread: str, parts: Sequence[tuple[str, str]]
) -> str:
    """Say how far a number moved, and what each part adds.

    Parameters
    ----------
    name : str
        The outcome or ratio.
    direction : int
        1 for up, −1 for down, 0 where it rounds to nothing.
    size, spread : str
        The move without a sign, and its range in words; an empty range is left out.
    parts : sequence of (part, amount)
        Names as in `BECAUSE`, each with its signed amount.

    Examples
    --------
    >>> move_sentence("cost_per_order", direction=1, size="0.31", spread="0.12 to 0.50",
    ...     parts=[("mix", "+0.20"), ("treatment_share", "+0.11")])
    'Cost per order rose by 0.31 (likely range 0.12 to 0.50): +0.20 because other segments came, \
+0.11 because arms were given to other shares.'
    """
    text = plain(name)
    moved = {1: f"rose by {size}", -1: f"fell by {size}", 0: "hardly moved"}[direction]
    around = f" (likely range {spread})" if spread else ""
    told = ", ".join(f"{amount} {BECAUSE[part]}" for part, amount in parts)
    return f"{text[:1].upper()}{text[1:]} {moved}{around}: {told}."


def merged_words(merged: Sequence[Segment]) -> str:
    """Say which segments were too small to stand for themselves."""
    count = len(merged)
    what = "1 segment is" if count == 1 else f"{count} segments are"
    return (
        f"{what} too small in some period and arm to stand alone and counted together as one: "
        f"{_listed([_segment(one) for one in merged])}."
    )


def borrowed_words(places: Sequence[tuple[Segment | None, str | None, str]]) -> str:
    """Say which means a period lacks, and which part then holds the difference.

    Parameters
    ----------
    places : sequence of (segment, arm, period)
        None for the segments that were merged, and for no arm at all.
    """
    other = {"earlier": "later", "later": "earlier"}
    sentences = []
    for period, lender in other.items():
        lacking = [(s, arm) for s, arm, when in places if when == period]
        absent = [_segment(s) for s, arm in lacking if arm is None]
        unseen = [f"{readable(arm)} in {_segment(s)}" for s, arm in lacking if arm is not None]
        stand = f"the {lender} period\u2019s means stand in"
        if absent:
            sentences.append(
                f"Nobody came in the {period} period from {_listed(absent)}; {stand}, so all of it "
                "counts as mix."
            )
        if unseen:
            sentences.append(
                f"Nobody got, in the {period} period, {_listed(unseen)}; {stand}, so all of it "
                "counts as treatment share."
            )
    return " ".join(sentences)


def unlinked_words(clusters: int) -> str:
    """Say that some clusters of the earlier run cannot be recognised in the later one."""
    return (
        f"{clusters:,} clusters of the earlier run have no unit in the later one and are counted "
        "as others than those that came later; where they did come again, ranges are wider than "
        "they need be."
    )


def opinion_words(parts: Sequence[tuple[str, float]]) -> str:
    """Say how DoWhy splits the same move; no ranges, for it gives none.

    Examples
    --------
    >>> opinion_words([("mix", 0.2012), ("treatment_share", 0.1)])
    'DoWhy splits the same move into mix 0.201, treatment share 0.1; it gives no ranges.'
    """
    told = ", ".join(f"{plain(part)} {amount:.3g}" for part, amount in parts)
    return f"DoWhy splits the same move into {told}; it gives no ranges."


def counted_words(population: str, *, earlier: int, later: int) -> str:
    """Say who is counted in each period."""
    return f"Counted: {population}; {earlier:,} earlier, {later:,} later."


def _segment(segment: Segment | None) -> str:
    if segment is None:
        return "the small segments"
    return ", ".join(f"{plain(name)} {readable(level)}" for name, level in segment) or "everyone"


def _listed(names: Sequence[str]) -> str:
    shown = "; ".join(names[:_NAMED])
    rest = len(names) - _NAMED
    return f"{shown} and {rest} more" if rest > 0 else shown
