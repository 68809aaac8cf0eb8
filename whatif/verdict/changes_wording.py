"""Sentences about what differs between two runs; amounts arrive as text, words are chosen here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from whatif.base.history import ChangeKind, Range
from whatif.verdict.page_wording import MINUS

NOTHING = "Nothing changed: data, study file and version are the same."
SAME_DATA = "The data are the same."
NOT_MOVED = "None of it moves the estimate."
REFITTED = (
    "Scores rest on all the data of a run, so newer data move the scores of older units a little; "
    "that counts among the revised data."
)
NO_SEGMENTS = "The study declares no segments, so new data are one part."
SMALL_SEGMENTS = (
    "No declared segment has enough units to tell another mix from other effects, so new data are "
    "one part."
)
NO_RANGES = (
    "Some parts have no range: too few customers or units carry them, or a denominator is close to "
    "zero."
)
NO_SHARES = "Shares are left out: the whole move cannot be told from chance."
RULE_REFITS = (
    "Another rule of who counts also moves the scores of the units that still count a little; that "
    "does not count as definition."
)
OTHER_SOURCE = (
    "The data come from another source (data.source or --data); what that does to units of days "
    "that the older run covers counts with the data."
)
SAME_FROM_OTHER_SOURCE = "The data come from another source and are the same."

Unsplit = Literal[
    "before_withheld", "now_withheld", "metric", "unit", "no_number",
    "no_unit", "no_shared", "denominator", "unreadable", "disagree",
]  # fmt: skip
"""Why a move is not told, or told without its parts."""

Moves = Literal["estimate", "ranges", "checks", "none"]
"""What a key of the study file moves, at most: estimates, ranges, or what checks find."""

_LONGEST = 60
_NAMED = 8
_UNSHOWN = frozenset({"data.source", "transport", "graph", "design.probability", "question"})


def unsplit_words(why: Unsplit) -> str:
    """Say why a move is not told, or not split."""
    return {
        "before_withheld": "The older run cannot be trusted, so its numbers are not compared.",
        "now_withheld": "The newer run cannot be trusted, so its numbers are not compared.",
        "metric": "The primary metric is another one, so the two estimates are not compared.",
        "unit": "What is counted as one unit is something else, so the two estimates are not "
        "compared.",
        "no_number": "One of the two runs has no estimate of the primary metric.",
        "no_unit": "The move is not split: the study names no unit, and only its ids tell which "
        "rows are new.",
        "no_shared": "The move is not split: the two runs share no unit.",
        "denominator": "The move is not split: a denominator is not positive.",
        "unreadable": "The move is not split: the scores of one of the two runs cannot be read.",
        "disagree": "The move is not split: the scores of one of the two runs do not give the "
        "estimate in its answer.",
    }[why]


def arm_words(before: str, now: str) -> str:
    """Say that the two runs speak of different arms.

    Examples
    --------
    >>> arm_words("tabs", "expanded")
    "The older run speaks of the arm 'tabs', the newer one of 'expanded', so the two estimates \
are not compared."
    """
    return (
        f"The older run speaks of the arm {before!r}, the newer one of {now!r}, so the two "
        "estimates are not compared."
    )


def control_words(arm: str, before: str, now: str) -> str:
    """Say that an arm is compared with different controls.

    Examples
    --------
    >>> control_words("expanded", "folded", "tabs")
    "The older run compares 'expanded' with 'folded', the newer one with 'tabs', so the two \
estimates are not compared."
    """
    return (
        f"The older run compares {arm!r} with {before!r}, the newer one with {now!r}, so the two "
        "estimates are not compared."
    )


def keys_words(keys: Sequence[tuple[str, object, object]], *, moves: Moves) -> str:
    """Say which keys of the study file differ, short values beside them.

    Parameters
    ----------
    keys : sequence of (key, before, now)
        As in the study file.
    moves : str
        What they can move.

    Examples
    --------
    >>> keys_words([("folds", 2, 5), ("graph", "a", "b")], moves="estimate")
    'The study file asks for something else: folds (2 → 5), graph.'
    >>> keys_words([("level", 0.95, 0.9)], moves="ranges")
    'The study file also differs in what moves ranges, and no estimate: level (0.95 → 0.9).'
    """
    told = [_key(*one) for one in keys[:_NAMED]]
    more = len(keys) - len(told)
    listed = ", ".join(told) + (f" and {more} more" if more else "")
    said = {
        "estimate": "asks for something else",
        "ranges": "also differs in what moves ranges, and no estimate",
        "checks": "also differs in what checks read, which moves no estimate",
        "none": "also differs in what moves no estimate",
    }[moves]
    return f"The study file {said}: {listed}."


def level_words(before: float, now: float) -> str:
    """Say at which level the ranges of a move are, where two runs have different ones.

    Examples
    --------
    >>> level_words(0.95, 0.9)
    'The ranges of the move and its parts are at 90 %, the level of the newer run; the older run \
has 95 %.'
    """
    return (
        f"The ranges of the move and its parts are at {100 * now:g} %, the level of the newer run; "
        f"the older run has {100 * before:g} %."
    )


def _key(key: str, before: object, now: object) -> str:
    old, new = _value(before), _value(now)
    if key in _UNSHOWN or old is None or new is None:
        return key
    return f"{key} ({old} → {new})"


def _value(value: object) -> str | None:
    """Return a short value as text; None where it is too long or no plain value."""
    if value is None:
        return "not set"
    if isinstance(value, list) and all(isinstance(one, str | int | float) for one in value):
        text = ", ".join(map(str, value)) or "none"
    elif isinstance(value, bool):
        text = "yes" if value else "no"
    elif isinstance(value, str | int | float):
        text = str(value)
    else:
        return None
    return text if len(text) <= _LONGEST else None


def versions_words(versions: Sequence[tuple[str, object, object]]) -> str:
    """Say that other code made the newer run, and which packages changed their version.

    Examples
    --------
    >>> versions_words([("numpy", "2.1.0", "2.2.0")])
    'Other code made the newer run: numpy (2.1.0 → 2.2.0).'
    >>> versions_words([])
    'Other code made the newer run, of the same version.'
    """
    if not versions:
        return "Other code made the newer run, of the same version."
    return f"Other code made the newer run: {', '.join(_key(*one) for one in versions)}."


def units_words(units: str, *, now: int, new: int, late: int, gone: int) -> str:
    """Say how many units of the newer run are new, and how many of the older one are gone.

    Parameters
    ----------
    units : str
        What one is called, in the plural.
    now : int
        Units of the newer run.
    new : int
        Of days after the older run.
    late : int
        New, and of days that the older run covers.
    gone : int
        Of the older run, and not in the newer one.

    Examples
    --------
    >>> units_words("sessions", now=12_000, new=4_000, late=35, gone=0)
    'Of 12,000 sessions, 4,000 are new and 35 came late, for days that the older run covers.'
    >>> units_words("sessions", now=9, new=0, late=0, gone=2)
    'Of 9 sessions, none is new; 2 of the older run are gone.'
    """
    came = [f"{new:,} {'is' if new == 1 else 'are'} new"] if new else []
    came += [f"{late:,} came late, for days that the older run covers"] if late else []
    told = " and ".join(came) or "none is new"
    left = f"; {gone:,} of the older run {'is' if gone == 1 else 'are'} gone" if gone else ""
    return f"Of {now:,} {units}, {told}{left}."


def together_words(kinds: Sequence[ChangeKind], *, counted: bool, rescored: bool) -> str:
    """Say that several reasons act on the same units and stand in one part.

    Parameters
    ----------
    kinds : sequence of str
        Two reasons or more; all stands under the first.
    counted, rescored : bool
        Whether they act on which units count, and on the scores of those in both runs.

    Examples
    --------
    >>> together_words(["definition", "code", "revised_data"], counted=False, rescored=True)
    'What the study file, the code and the data each do to the scores of the same units cannot be \
told apart: all of it stands under the study file.'
    >>> together_words(["definition", "revised_data"], counted=True, rescored=False)
    'What the study file and the data each do to which units count cannot be told apart: all of \
it stands under the study file.'
    """
    names = {"definition": "the study file", "code": "the code", "revised_data": "the data"}
    told = [names[kind] for kind in kinds]
    acted = ["which units count"] * counted + ["the scores of the same units"] * rescored
    return (
        f"What {', '.join(told[:-1])} and {told[-1]} each do to {' and to '.join(acted)} cannot be "
        f"told apart: all of it stands under {told[0]}."
    )


def cut_words(columns: Sequence[str], *, merged: int) -> str:
    """Say by which segments mix and effects are told apart.

    Examples
    --------
    >>> cut_words(["region", "device"], merged=3)
    'Mix and effects are by region × device; 3 small segments count as one.'
    """
    small = f"; {merged} small segments count as one" if merged > 1 else ""
    return f"Mix and effects are by {' × '.join(columns)}{small}."


def unlinked_words(clusters: int, *, who: str) -> str:
    """Say that some clusters of the older run cannot be recognised in the newer one."""
    return (
        f"{clusters:,} {who} of the older run have no unit in the newer one and count as others "
        "than those that came later."
    )


def check_words(title: str, *, before: str, now: str) -> str:
    """Say that a check found something else.

    Examples
    --------
    >>> check_words("Sample ratio", before="Held", now="Broke")
    'Sample ratio: held before, broke now'
    """
    return f"{title}: {before.lower()} before, {now.lower()} now"


NOT_CHECKED = "not among the checks"
SAME_CHECKS = "Every check found what it found before."


def runs_words(before: str, now: str) -> str:
    """Return which runs are compared."""
    return f"Run {now} compared with run {before}:"


def verdict_words(before: str, now: str) -> str:
    """Say both verdicts, or that they are the same.

    Examples
    --------
    >>> verdict_words("Too early.", "Too early.")
    'The verdict is the same. Too early.'
    """
    if before == now:
        return f"The verdict is the same. {now}"
    return f"Verdict before: {before} Verdict now: {now}"


def under_words(label: str, arm: str) -> str:
    """Return the name of a metric under an arm, for runs that speak of different ones."""
    return f"{label} under {arm}"


def number_words(label: str, unit: str, *, before: str, now: str) -> str:
    """Return one metric in both runs; empty text is a number that is not told.

    Examples
    --------
    >>> number_words("Converted", "per 1,000 sessions", before="+14 (+2 to +27)", now="")
    'Converted, per 1,000 sessions: +14 (+2 to +27) before, not told now.'
    """
    return f"{label}, {unit}: {before or 'not told'} before, {now or 'not told'} now."


def move_line(amount: str, around: Range) -> str:
    """Return how far the primary metric moved."""
    return f"The primary metric moved by {amount}{_by_chance(around)}:"


def part_line(name: str, counts: str, *, amount: str, around: Range, share: float | None) -> str:
    """Return one part of a move.

    Examples
    --------
    >>> part_line("New data", "units that are new", amount="+2 (+1 to +5)", around=(1.0, 5.0),
    ...     share=0.25)
    '  New data: +2 (+1 to +5), 25 % of the move; units that are new.'
    >>> part_line("Code", "another version", amount="+2 (-1 to +5)", around=(-1.0, 5.0), share=None)
    '  Code: +2 (-1 to +5), within chance; another version.'
    """
    of_all = ""
    if share is not None:
        sign = MINUS if round(100 * share) < 0 else ""
        of_all = f", {sign}{abs(100 * share):.0f} % of the move"
    return f"  {name}: {amount}{of_all}{_by_chance(around)}; {counts}."


def within_chance(around: Range) -> str:
    """Return ``within chance`` for a move whose range holds zero; empty for any other.

    Examples
    --------
    >>> within_chance((-1.0, 5.0)), within_chance((1.0, 5.0)), within_chance((None, None))
    ('within chance', '', '')
    >>> within_chance((0.0, 0.0))  # nothing moved, and that is exact
    ''
    """
    low, high = around
    if low is None or high is None or low == high:
        return ""
    return "within chance" if low <= 0 <= high else ""


def _by_chance(around: Range) -> str:
    said = within_chance(around)
    return f", {said}" if said else ""
