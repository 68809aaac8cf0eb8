"""Every sentence a verdict can say; rooms above import these words and write none of their own.

Only `roll_out` and `do_not_roll_out` may speak in the imperative. Names of columns, levels and
arms are data: they pass through as text and are escaped where a page is rendered.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from itertools import groupby

from whatif.effects.looks.rules import FIRST_LOOK_CLUSTERS, FIRST_LOOK_EVENTS
from whatif.effects.minimum import LEAST_ORDERS
from whatif.effects.rows import Segment
from whatif.verdict.record import Decision, Reading

EVERYONE = "everyone"
WHOM = {"ate": EVERYONE, "att": "units like those that got it", "overlap": "units with an open arm"}

_READINGS: dict[Reading, str] = {
    Reading.BETTER: "better",
    Reading.BETTER_PERHAPS: "better, perhaps by too little to matter",
    Reading.WORSE: "worse",
    Reading.WORSE_PERHAPS: "worse, perhaps by too little to matter",
    Reading.NO_DIFFERENCE: "no difference that matters",
    Reading.NOT_CLEAR: "not clear yet",
    Reading.WITHIN_LIMIT: "within the limit",
    Reading.OVER_LIMIT: "over the limit",
    Reading.HARM_NOT_RULED_OUT: "harm not ruled out",
    Reading.WORSE_LIMIT_NOT_RULED_OUT: "worse, limit not ruled out",
    Reading.SUPPRESSED: "too few to show",
    Reading.NO_OVERLAP: "arms cannot be compared here",
}

_DECISIONS: dict[Decision, str] = {
    Decision.CANNOT_BE_TRUSTED: "cannot be trusted",
    Decision.OUT_OF_DATE: "out of date",
    Decision.TOO_EARLY: "too early",
    Decision.ROLL_OUT: "roll out",
    Decision.DO_NOT_ROLL_OUT: "do not roll out",
    Decision.DISCUSS: "discuss",
    Decision.WORTH_TESTING: "worth testing",
    Decision.NOT_WORTH_TESTING: "not worth testing",
}

_METRIC: dict[Reading, str] = {
    Reading.BETTER: "{metric} is better with {arm}.",
    Reading.BETTER_PERHAPS: "{metric} is better with {arm}, perhaps by too little to matter.",
    Reading.WORSE: "{metric} is worse with {arm}.",
    Reading.WORSE_PERHAPS: "{metric} is worse with {arm}, perhaps by too little to matter.",
    Reading.NO_DIFFERENCE: "Any difference {arm} makes to {lower} is too small to matter.",
    Reading.NOT_CLEAR: "It is not clear yet whether {lower} is better or worse with {arm}.",
    Reading.WITHIN_LIMIT: "{metric} stays within its limit with {arm}.",
    Reading.OVER_LIMIT: "{metric} is over its limit with {arm}.",
    Reading.HARM_NOT_RULED_OUT: "Harm to {lower} beyond its limit is not ruled out with {arm}.",
    Reading.WORSE_LIMIT_NOT_RULED_OUT: (
        "{metric} is worse with {arm}, and harm beyond its limit is not ruled out."
    ),
    Reading.SUPPRESSED: "There are too few data to read {lower} with {arm}.",
    Reading.NO_OVERLAP: "{metric} cannot be compared between the arms in these data.",
}

_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


def reading_words(reading: Reading) -> str:
    """Return the words for one reading.

    Examples
    --------
    >>> reading_words(Reading.NOT_CLEAR)
    'not clear yet'
    """
    return _READINGS[reading]


def decision_words(decision: Decision) -> str:
    """Return the words for one decision.

    Examples
    --------
    >>> decision_words(Decision.DO_NOT_ROLL_OUT)
    'do not roll out'
    """
    return _DECISIONS[decision]


def plain(name: str) -> str:
    """Return a column name as a reader would say it.

    Examples
    --------
    >>> plain("cost_per_order")
    'cost per order'
    """
    return name.replace("_", " ")


def readable(level: object) -> str:
    """Return a level or an arm as a reader would say it.

    Only names of letters and single underscores lose their underscores; every other text is
    data and stays as it is.

    Examples
    --------
    >>> readable("remote_rural"), readable("v1_2"), readable(True)
    ('remote rural', 'v1_2', 'true')
    """
    if isinstance(level, bool):
        return str(level).lower()
    text = str(level)
    return plain(text) if all(word.isalpha() for word in text.split("_")) else text


def place_words(exclude: Sequence[Segment], target: str = "ate") -> str:
    """Say for whom, from the segments left out and the study's target.

    Examples
    --------
    >>> place_words([])
    'everyone'
    >>> place_words([(("urbanicity", "remote_rural"),)])
    'everyone except where urbanicity is remote rural'
    >>> place_words([], target="overlap")
    'units with an open arm'
    """
    whom = WHOM[target]
    return f"{whom} except where {_segments(exclude)}" if exclude else whom


def headline(
    decision: Decision,
    *,
    arm: str,
    place: str,
    several_arms: bool,
    chosen_after_looking: bool,
    clearest: Sequence[Segment] = (),
) -> str:
    """Return the action sentence of a verdict.

    Parameters
    ----------
    decision : Decision
        The decision word.
    arm : str
        The arm it is about.
    place : str
        For whom, from `place_words`.
    several_arms : bool
        Whether more than one arm was compared with the control.
    chosen_after_looking : bool
        Whether the arm or the place was picked by its result.
    clearest : sequence of Segment
        Segments that stand out as better; they describe a roll-out and do not restrict it.
    """
    name = readable(arm)
    looked = " (chosen after looking)" if chosen_after_looking else ""
    whom = f"{name} for {place}{looked}"
    gain = f"; the gain is clearest where {_segments(clearest)}" if clearest else ""
    every = "any of the arms compared" if several_arms else name
    return {
        Decision.CANNOT_BE_TRUSTED: "These numbers cannot be trusted.",
        Decision.OUT_OF_DATE: "Out of date: the data are too old to decide on.",
        Decision.TOO_EARLY: "Too early to decide.",
        Decision.ROLL_OUT: f"Roll out {whom}{gain}.",
        Decision.DO_NOT_ROLL_OUT: f"Do not roll out {every}.",
        Decision.DISCUSS: f"To discuss: the results do not settle the case for {name}{looked}.",
        Decision.WORTH_TESTING: f"Worth testing: {whom}{gain}.",
        Decision.NOT_WORTH_TESTING: f"Not worth testing: {every}.",
    }[decision]


def metric_reason(name: str, reading: Reading, *, arm: str) -> str:
    """Say how one metric reads for one arm."""
    lower = plain(name)
    return _METRIC[reading].format(metric=_capital(lower), lower=lower, arm=readable(arm))


def no_limit_reason(name: str) -> str:
    """Say that a guardrail has no limit to be held against."""
    return f"No limit was declared for {plain(name)}, so only its direction is read."


def smaller_difference_accepted_reason() -> str:
    """Say that the study asked only for no harm."""
    return "This study asked that the change does no harm, not that it brings a gain."


def better_segments_reason(name: str, segments: Sequence[Segment]) -> str:
    """Say which segments read better although the whole does not carry a roll-out."""
    return f"{_capital(plain(name))} does read better where {_segments(segments)}."


def nowhere_reason() -> str:
    """Say that no place is left to roll out."""
    return "Where it reads better, something else is harmed, so no place is left to roll out."


def arm_chosen_reason() -> str:
    """Say what choosing the arm by its result does to its number."""
    return (
        "This arm was chosen after looking at the results, "
        "so its gain is likely smaller than the one measured."
    )


def place_chosen_reason() -> str:
    """Say what choosing the place by its result does to its number."""
    return (
        "The place was chosen after looking at the results, "
        "so the gain there is likely smaller than the one measured."
    )


def clearest_reason() -> str:
    """Say what naming the segments that stand out does to their number."""
    return (
        "Where the gain is clearest was read off these results, "
        "so the gain there is likely smaller than the one measured."
    )


def past_data_reason() -> str:
    """Say what adjusted evidence cannot rule out."""
    return (
        "These are past data, not a test: nobody assigned the arms by chance, "
        "so something that was not measured may explain the difference."
    )


def check_broke_reason(name: str, finding: str) -> str:
    """Say which check broke and what it found."""
    return f"The {plain(name)} check broke: {_stopped(finding)}"


def check_missing_reason(name: str, finding: str) -> str:
    """Say which check that guards the numbers did not run."""
    return (
        f"The {plain(name)} check did not run, so it cannot vouch for the numbers: "
        f"{_stopped(finding)}"
    )


def out_of_date_reason(last_day: dt.date | None, freshness: str) -> str:
    """Say how old the data are and how old they may be."""
    age = _span(freshness)
    if last_day is None:
        return f"The newest data are older than {age}, the most this study accepts."
    return f"The newest data are from {day_words(last_day)}; this study accepts at most {age}."


def too_early_reason(decide_on: dt.date, last_day: dt.date) -> str:
    """Say when the decision is due and how far the data reach."""
    return (
        f"The decision is due on {day_words(decide_on)} and the data end on {day_words(last_day)}; "
        "reading results before the date makes chance findings likely."
    )


def no_look_yet_reason(
    names: Sequence[str], *, who: str | None, ratio: bool, every: str | None
) -> str:
    """Say what a first look still lacks; `every` is the spacing of looks on fixed days."""
    what = _joined([plain(name) for name in names], "and")
    counted = "rows" if who is None else f"clusters ({plain(who)})"
    orders = f" ({LEAST_ORDERS} to divide by)" if ratio else ""
    days = "" if every is None else f", on a day of the schedule (one every {_span(every)})"
    return (
        f"Nothing was read yet: a first look at {what} needs {FIRST_LOOK_CLUSTERS} {counted} "
        f"and {FIRST_LOOK_EVENTS} events{orders} in each arm{days}."
    )


def would_change_check(name: str) -> str:
    """Name a run in which a broken check holds."""
    return f"A run in which the {plain(name)} check holds."


def would_change_newer_data() -> str:
    """Name fresh data."""
    return "A run on newer data."


def would_change_date(decide_on: dt.date) -> str:
    """Name the decision date."""
    return f"Data up to the decision date, {day_words(decide_on)}."


def would_change_first_look(names: Sequence[str]) -> str:
    """Name the data of a first look."""
    return f"Enough data for a first look at {_joined([plain(name) for name in names], 'and')}."


def would_change_more_data(name: str, times: float | None) -> str:
    """Name a multiple of today's data; None where no amount would do at this estimate."""
    if times is None:
        return f"A clearer difference in {plain(name)}; more data alone may not settle it."
    return (
        f"{_capital(_times(times))} as much data as now would settle {plain(name)}, "
        "if the estimate stays where it is."
    )


def would_change_more_data_limit(name: str, times: float | None) -> str:
    """Name a multiple of today's data for a guardrail; None where its estimate is beyond."""
    if times is None:
        return f"A smaller effect on {plain(name)}; more data alone would not clear its limit."
    return (
        f"{_capital(_times(times))} as much data as now would show {plain(name)} within its "
        "limit, if the estimate stays where it is."
    )


def would_change_guardrail_met(name: str, arm: str) -> str:
    """Name a version that respects a limit."""
    return f"A version of {readable(arm)} that keeps {plain(name)} within its limit."


def would_change_limit_declared(name: str) -> str:
    """Name the limit that a guardrail lacks."""
    return f"A declared limit for {plain(name)}."


def would_change_other_version(name: str, arm: str) -> str:
    """Name a version that does not harm."""
    return f"A version of {readable(arm)} that does not make {plain(name)} worse."


def would_change_smaller_matters(name: str) -> str:
    """Name a decision that smaller differences are worth it."""
    return f"A decision that smaller differences in {plain(name)} are worth shipping."


def would_change_later_run(name: str, *, guarded: bool) -> str:
    """Name later data that no longer support the decision."""
    tail = ", or with a guardrail outside its limit" if guarded else ""
    return f"A later run that no longer shows this for {plain(name)}{tail}."


def would_change_test() -> str:
    """Name a randomised test."""
    return "A randomised test, which decides what past data cannot."


def would_change_hidden_cause(treatment: str, name: str) -> str:
    """Name a common cause that was not measured."""
    return f"Something not measured that drives both {plain(treatment)} and {plain(name)}."


def _segments(segments: Sequence[Segment]) -> str:
    parts = []
    for columns, group in groupby(segments, key=lambda s: tuple(column for column, _ in s)):
        cells = list(group)
        if len(columns) == 1:
            levels = [readable(cell[0][1]) for cell in cells]
            parts.append(f"{plain(columns[0])} is {_joined(levels, 'or')}")
        else:
            parts.extend(
                " and ".join(f"{plain(column)} is {readable(level)}" for column, level in cell)
                for cell in cells
            )
    return ", or where ".join(parts)


def _joined(words: Sequence[str], last: str) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _stopped(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _span(length: str) -> str:
    count, unit = length[:-1], {"d": "day", "h": "hour"}[length[-1]]
    return f"{count} {unit}{'' if count == '1' else 's'}"


def day_words(day: dt.date) -> str:
    """Return a day as a reader would say it: ``2 November 2026``."""
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


def _times(times: float) -> str:
    ten, hundred = 10, 100
    if times > hundred:
        return "more than 100 times"
    if times >= ten:
        return f"about {times:.0f} times"
    return f"about {max(times, 1.1):.1f} times"
