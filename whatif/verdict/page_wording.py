"""The page's own sentences: numbers arrive formatted, words are chosen here."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from whatif.base.plan import NumberStatus
from whatif.checks.result import CheckResult, Status
from whatif.verdict.plan_wording import UNLOCKED, UNMARKED
from whatif.verdict.record import Decision, Reading

ARROW = "\u2192"
MINUS = "\u2212"

ANYWAY = "Show the numbers anyway"
WITHHELD = (
    "A check that guards the comparison itself broke, so the numbers below may be wrong in size "
    "and in sign. They are folded away on purpose."
)
NUMBERS_WITHHELD = "The numbers are withheld; the page says why and keeps them folded away."
NO_SEGMENTS = "The study declares no segments."
SEGMENT_RANGES = "Ranges in this part are wide enough to hold for all rows of a table at once."
SHRUNK = "\u201cShrunk\u201d pulls each estimate towards the others, as far as the data suggest."
MARKS: dict[NumberStatus, str] = {
    "planned": "",
    "exploratory": "\u2020",
    "changed_after_looking": "\u2021",
}
_MARKED: dict[NumberStatus, str] = {
    "planned": "",
    "exploratory": "exploratory, because its cut was not declared",
    "changed_after_looking": "changed after looking: it does not rest on what was planned, so a "
    "result that looked good may have been chosen",
}
LOOKED = (
    "These cuts were not declared before looking. They may suggest what to test next and change "
    "no verdict. Ranges are wider because every cut that was tried counts; \u201cstands out\u201d "
    "means that so large a difference would rarely come by chance, even with so many tries."
)
LOOKED_ONE_LOOK = "They are made for a single look."


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """A sentence with one part to stress.

    Attributes
    ----------
    lead, strong, rest : str
        Joined without anything between them.
    """

    lead: str
    strong: str
    rest: str

    def __str__(self) -> str:
        return f"{self.lead}{self.strong}{self.rest}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """A difference whose numbers are already text.

    Attributes
    ----------
    size : str
        Absolute difference with its currency.
    direction : int
        1 for more, -1 for less, 0 when it rounds to nothing.
    ends : tuple of (str or None)
        Absolute ends of the range without currency; None is unbounded.
    signs : tuple of int
        Sign of each end after rounding.
    noun, per : str
        What is counted, and of how many.
    more, fewer : str
        Comparatives that fit the noun.
    """

    size: str
    direction: int
    ends: tuple[str | None, ...]
    signs: tuple[int, ...]
    noun: str
    per: str
    more: str
    fewer: str

    @property
    def spread(self) -> str:
        """The range in words.

        ``9 to 15``, ``9 to 15 fewer``, ``2 fewer to 4 more``, ``at least 9``, ``not bounded``.
        """
        low, high = self.ends
        down, up = self.signs
        if low is None and high is None:
            return "not bounded"
        if low is None or high is None:
            return self._open(low, high, down, up)
        if down < 0 < up:
            return f"{low} {self.fewer} to {high} {self.more}"
        near, far = (high, low) if down < 0 else (low, high)
        side = f" {self.fewer}" if down < 0 else ""
        return f"{near} to {far}{side}"

    @property
    def between(self) -> str:
        """The range in words that stand alone: ``9 to 15 more``, ``2 fewer to 4 more``."""
        closed = None not in self.ends
        return f"{self.spread} {self.more}" if closed and self.signs[0] >= 0 else self.spread

    def _open(self, low: str | None, high: str | None, down: int, up: int) -> str:
        end, sign, word = (low, down, "at least") if low is not None else (high, up, "at most")
        side = self.fewer if sign < 0 else self.more
        if sign < 0:
            word = "at most" if word == "at least" else "at least"
        return f"{word} {end} {side}"


def change_words(amount: Amount) -> str:
    """Return ``12 more orders``, ``USD 0.12 less`` or ``no change in orders``."""
    if amount.direction == 0:
        return f"no change in {amount.noun}" if amount.noun else "no change"
    side = amount.more if amount.direction > 0 else amount.fewer
    return " ".join(part for part in (amount.size, side, amount.noun) if part)


def relative_words(relative: str) -> str:
    """Return ``up 3.6 %`` for ``+3.6 %``, ``down 3.6 %`` for its opposite, else nothing."""
    if relative.startswith("+"):
        return f"up {relative[1:]}"
    return f"down {relative[1:]}" if relative.startswith(MINUS) else ""


def effect_sentence(amount: Amount, *, before: str, after: str, relative: str) -> Sentence:
    """Return the one number of a metric with its range, its baseline and its share."""
    levels = f"{before} {ARROW} {after}" + (f", {relative}" if relative else "")
    return Sentence(
        lead="about " if amount.direction else "",
        strong=f"{change_words(amount)} {amount.per}",
        rest=f" (likely range {amount.spread}; {levels})",
    )


def evidence_badge(design_kind: str) -> str:
    """Return what kind of evidence a design gives, as the strip shows it.

    ``"unadjusted"`` stands for past data in which nothing was adjusted for.
    """
    if design_kind in {"experiment", "encouragement"}:
        return "Randomised test"
    return "Past data, not adjusted" if design_kind == "unadjusted" else "Adjusted from past data"


def evidence_note(design_kind: str, *, intact: bool) -> str:
    """Return what that kind of evidence is worth, in one sentence."""
    if evidence_badge(design_kind) == "Randomised test" and not intact:
        return (
            "Chance was meant to decide who got what. A check that guards this broke, so the "
            "groups may differ by more than by what they were shown."
        )
    if evidence_badge(design_kind) == "Randomised test":
        return "Chance decided who got what, so the groups differ only by what they were shown."
    if design_kind == "unadjusted":
        return (
            "Nobody was assigned by chance and nothing was adjusted for: the groups may differ by "
            "much more than by what they were shown."
        )
    return (
        "Nobody was assigned by chance. The groups were made comparable on the columns listed in "
        "the appendix; what was not measured may still separate them."
    )


def instead_of(arm: str, versus: str) -> str:
    """Return the comparison in words."""
    return f"{arm} instead of {versus}"


def role_words(role: str) -> str:
    """Return the role of a metric as its row shows it."""
    return {"primary": "primary", "guardrail": "guardrail"}.get(role, "also measured")


def read_with_words(ratio: str) -> str:
    """Say why the top of a ratio must not be read alone."""
    return f"rises whenever more is sold, so read it with {ratio}"


def better_words(better: str) -> str:
    """Return which direction is good."""
    return "lower is better" if better == "lower" else "higher is better"


def status_words(status: Status) -> str:
    """Return the word for what a check found."""
    return {
        Status.HELD: "Held",
        Status.BROKE: "Broke",
        Status.NOT_APPLICABLE: "Not applicable",
        Status.DID_NOT_RUN: "Did not run",
    }[status]


def checks_count(checks: tuple[CheckResult, ...]) -> str:
    """Return how many of the checks that apply held, and how many could not run."""
    applicable = [c for c in checks if c.status is not Status.NOT_APPLICABLE]
    held = sum(c.status is Status.HELD for c in applicable)
    silent = sum(c.status is Status.DID_NOT_RUN for c in applicable)
    if not applicable:
        return "no check applies"
    ran = f"{held} of {len(applicable) - silent} checks held"
    return f"{ran}, {silent} not run" if silent else ran


def checks_sentence(checks: tuple[CheckResult, ...]) -> str:
    """Return the sentence above the table of checks."""
    broke = sum(c.status is Status.BROKE for c in checks)
    silent = sum(c.status is Status.DID_NOT_RUN for c in checks)
    parts = [checks_count(checks)]
    if broke:
        parts.append(f"{broke} broke")
    if silent:
        parts.append("not run is not the same as held")
    sentence = "; ".join(parts) + "."
    return sentence[0].upper() + sentence[1:]


def segments_sentence(*, differ: bool | None, metric: str, dimension: str) -> str:
    """Return whether segments differ at all; None means that it could not be tested."""
    if differ:
        return f"The effect on {metric} differs by {dimension}."
    if differ is None:
        lead = f"There are too few to test whether the effect on {metric} differs by {dimension}"
    else:
        lead = f"There is no evidence that the effect on {metric} differs by {dimension}"
    return f"{lead}, so every row takes the reading of everyone."


def looked_sentence(differing: Sequence[str], *, tested: bool, dimension: str) -> str:
    """Return which effects differ by a cut that was made after looking."""
    if differing:
        return (
            f"The effect on {', '.join(differing)} differs by {dimension}, even counting every "
            "cut that was tried."
        )
    if not tested:
        return f"There are too few to test whether any effect differs by {dimension}."
    return f"There is no evidence that any effect differs by {dimension}."


def looked_heading(cuts: Sequence[str]) -> str:
    """Return the heading of cuts that were made after looking."""
    return f"Made after looking: by {', by '.join(cuts)}"


def stands_out_words(*, stands_out: bool) -> str:
    """Return the neutral word for one effect of a cut that was made after looking."""
    return "stands out" if stands_out else "does not stand out"


def legend_words(found: Collection[NumberStatus], *, locked: bool) -> str:
    """Return what the marks beside numbers mean, of those that a page has.

    Parameters
    ----------
    found : collection of str
        Which marks there are.
    locked : bool
        Whether a plan was locked before the first look.

    Examples
    --------
    >>> legend_words({"planned"}, locked=False).partition(",")[0]
    'No plan was locked before the first look'
    """
    meant = [f"{MARKS[one]} {words}." for one, words in _MARKED.items() if words and one in found]
    return " ".join((UNMARKED if locked else UNLOCKED, *meant))


def target_words(target: str, *, units: str, control: str, trimmed: bool) -> str:
    """Return whom averages speak of, fit to follow "averaged over".

    Examples
    --------
    >>> target_words("att", units="sessions", control="folded", trimmed=False)
    'sessions that got another arm than folded'
    """
    if target == "overlap":
        return f"{units} weighted towards those whose arm was most open"
    if target == "att":
        left = " and were left after trimming" if trimmed else ""
        return f"{units} that got another arm than {control}{left}"
    return f"{units} left after trimming" if trimmed else "everyone"


def metric_lead(metric: str, *, comparison: str, everywhere: bool, who: str) -> str:
    """Return what the one number of the verdict is about; `who` are `target_words`."""
    parts = [metric]
    if comparison:
        parts.append(comparison)
    if not everywhere or who != "everyone":
        parts.append(f"averaged over {who}")
    return ", ".join(parts)


def looks_sentence(looks: str, *, days: int, last: str) -> str:
    """Return which looks the ranges hold for; empty where results are looked at once."""
    if looks == "once":
        return ""
    if looks == "anytime":
        return "These ranges hold however often one looks at the results."
    often = "every day" if days == 1 else f"every {days} days"
    return f"These ranges hold at all looks together: one {often}, the last on {last}."


def bounds_label(ratio: str, units: str) -> str:
    """Return the name of the cost line that compares the same units under both arms."""
    return f"{ratio}, same {units}"


def bounds_note(units: str, *, one: str, column: str) -> str:
    """Return who stands behind that line: `one` is what `column` counts, empty when unknown."""
    article = "an" if one[:1] in set("aeiou") else "a"
    what = f"{article} {one}" if one else column
    return f"bounds for {units} with {what} under either arm"


def bounds_sentence(ratio: str, *, many: str, units: str, within: bool, one_look: bool) -> str:
    """Return what bounds compare and what they assume."""
    where = "within each segment the arm" if within else "the arm"
    look = " It is made for a single look." if one_look else ""
    return (
        f"\u201c{ratio}, same {units}\u201d leaves out that the arm changes who has {many}. Nobody "
        "was seen under both arms, so it is a span of possible values and a range around it. It "
        f"assumes that {where} moves {many} one way only, which no data can test.{look}"
    )


def bounds_words(shown: str) -> str:
    """Return the word beside bounds, which are never read as better or worse."""
    return {
        "shown": "bounds only",
        "suppressed": "too few to show",
        "no_overlap": "arms cannot be compared here",
        "other_target": "can be told for everyone only",
        "not_only_among": "also counted without one, so it cannot be told",
    }[shown]


def stale_banner(due: str) -> str:
    """Return the banner a page shows once its successor is overdue."""
    return f"This page is past its date: a newer one was due by {due}."


def money_sentence(*, gain: bool, size: str, spread: str, who: str, arm: str) -> Sentence:
    """Return the money line of the verdict."""
    return Sentence(
        lead="Worth about " if gain else "Loses about ",
        strong=f"{size} a month",
        rest=f" (likely range {spread}) if all of {who} got {arm}.",
    )


def reading_tone(reading: Reading) -> str:
    """Return ``good``, ``bad``, ``none`` or ``unsure``: which icon stands beside the word."""
    tones = {
        Reading.BETTER: "good",
        Reading.BETTER_PERHAPS: "good",
        Reading.WITHIN_LIMIT: "good",
        Reading.WORSE: "bad",
        Reading.WORSE_PERHAPS: "bad",
        Reading.OVER_LIMIT: "bad",
        Reading.WORSE_LIMIT_NOT_RULED_OUT: "bad",
        Reading.NO_DIFFERENCE: "same",
        Reading.SUPPRESSED: "none",
        Reading.NO_OVERLAP: "none",
    }
    return tones.get(reading, "unsure")


def decision_tone(decision: Decision) -> str:
    """Return the tone of the verdict card."""
    tones = {
        Decision.ROLL_OUT: "good",
        Decision.WORTH_TESTING: "good",
        Decision.DO_NOT_ROLL_OUT: "bad",
        Decision.NOT_WORTH_TESTING: "bad",
        Decision.CANNOT_BE_TRUSTED: "alarm",
        Decision.OUT_OF_DATE: "alarm",
    }
    return tones.get(decision, "unsure")
