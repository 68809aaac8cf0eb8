"""Sentences about why a number moved; amounts arrive as text, words are chosen here."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from whatif.checks.period_words import dates, day_number
from whatif.effects.rows import Segment
from whatif.verdict.page_wording import Amount, change_words
from whatif.verdict.wording import plain, readable

TITLE = "Why the number moved"
BECAUSE = {
    "mix": "because the mix of segments changed",
    "treatment_share": "because the arms\u2019 shares changed",
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
WITHHELD = "This run\u2019s verdict is withheld: its numbers cannot be trusted."
SINCE = "Among units that are new since the earlier run, compared with that run"
HARDLY = "hardly anything"
NO_RANGES = "There are too few clusters or orders for ranges."
_NAMED = 3


Span = tuple[dt.date, dt.date]


def periods_words(*, split: dt.date | None, before: Span | None, after: Span | None) -> str:
    """Return which period is compared with which, to begin a sentence with.

    Parameters
    ----------
    split : date or None
        First day of the later period.
    before, after : (first, last) or None
        The periods as far as they were named; None reaches to `split`.

    Examples
    --------
    >>> split = dt.date(2026, 10, 1)
    >>> periods_words(split=split, before=None, after=None)
    'From 1 October 2026 on, compared with before'
    >>> periods_words(split=split, before=None, after=(split, dt.date(2026, 10, 5)))
    'In 1–5 October 2026, compared with the days before 1 October 2026'
    """
    if after is None and split is not None:
        later = f"From {_dates(split, split)} on"
    else:
        later = _during(after) if after is not None else "Later"
    if before is not None:
        return f"{later}, compared with {_dates(*before)}"
    if after is None or split is None:
        return f"{later}, compared with before"
    return f"{later}, compared with the days before {_dates(split, split)}"


def _during(span: Span) -> str:
    return f"{'On' if span[0] == span[1] else 'In'} {_dates(*span)}"


def _dates(first: dt.date, last: dt.date) -> str:
    return dates(day_number(first), day_number(last))


def part_words(amount: Amount, *, bounded: bool) -> str:
    """Return what a part adds: ``USD 0.01 less (0.03 less to 0.01 more)``.

    Parameters
    ----------
    amount : Amount
        Its size and range as text.
    bounded : bool
        Whether it has a range.
    """
    size = change_words(amount) if amount.direction else HARDLY
    return f"{size} ({amount.between})" if bounded else size


def move_sentence(
    name: str, amount: Amount, *, when: str, bounded: bool, parts: Sequence[tuple[str, str]]
) -> str:
    """Say how far a number moved, and what each part adds.

    Parameters
    ----------
    name : str
        The outcome or ratio, as inside a sentence.
    amount : Amount
        The move and its range as text.
    when : str
        Which periods are compared.
    bounded : bool
        Whether the move has a range.
    parts : sequence of (part, amount)
        Names as in `BECAUSE`, each with its amount in words.

    Examples
    --------
    >>> moved = Amount(size="USD 0.31", direction=1, ends=("0.12", "0.50"), signs=(1, 1), noun="",
    ...     per="per session", more="more", fewer="less")
    >>> move_sentence("cost", moved, when=SINCE, bounded=True,
    ...     parts=[("mix", "USD 0.31 more (0.12 to 0.50 more)")])
    'Among units that are new since the earlier run, compared with that run, cost rose by about \
USD 0.31 per session (likely range 0.12 to 0.50): USD 0.31 more (0.12 to 0.50 more) because the \
mix of segments changed.'
    """
    size = " ".join(part for part in (amount.size, amount.noun, amount.per) if part)
    moved = {1: f"rose by about {size}", -1: f"fell by about {size}", 0: "hardly moved"}
    around = f" (likely range {amount.spread})" if bounded else ""
    told = ", ".join(f"{words} {BECAUSE[part]}" for part, words in parts)
    end = f": {told}." if told else "."
    return f"{when}, {name} {moved[amount.direction]}{around}{end}"


def merged_words(merged: Sequence[Segment]) -> str:
    """Say which segments were too small to stand for themselves."""
    count = len(merged)
    what = "1 segment is" if count == 1 else f"{count} segments are"
    how = "is counted as the rest" if count == 1 else "are counted together as one"
    return (
        f"{what} too small in some period and arm to stand alone and {how}: "
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
