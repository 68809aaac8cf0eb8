"""The page's own sentences: numbers arrive formatted, words are chosen here."""

from __future__ import annotations

from dataclasses import dataclass

from whatif.base.records import NuisanceQuality
from whatif.checks.result import CheckResult, Status
from whatif.verdict.record import Decision, Reading

ARROW = "\u2192"
MINUS = "\u2212"

ANYWAY = "Show the numbers anyway"
WITHHELD = (
    "A check that guards the comparison itself broke, so the numbers below may be wrong in size "
    "and in sign. They are folded away on purpose."
)
NUMBERS_WITHHELD = "The numbers are withheld; the page says why and keeps them folded away."
NO_SECOND_OPINION = "No second estimator was asked for."
OPINION_ERRORS = (
    "Second opinions bring their own ranges; a dash means that the estimator gives none that can "
    "be relied on."
)
NO_SEGMENTS = "The study declares no segments."
SEGMENT_RANGES = "Ranges in this part are wide enough to hold for all rows of a table at once."
SHRUNK = "\u201cShrunk\u201d pulls each estimate towards the others, as far as the data suggest."
NOT_DECLARED = "This cut was not declared in the study."


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


def metric_lead(metric: str, *, comparison: str, everywhere: bool) -> str:
    """Return what the one number of the verdict is about."""
    parts = [metric]
    if comparison:
        parts.append(comparison)
    if not everywhere:
        parts.append("averaged over everyone")
    return ", ".join(parts)


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


def break_even_unknown(noun: str) -> str:
    """Return that the data leave the break-even worth open."""
    return f"From which worth of one {noun} it pays is not clear yet."


def break_even_sentence(*, noun: str, above: bool, value: str, spread: str) -> str:
    """Return from which worth of one unit an arm pays for itself."""
    side = "more" if above else "less"
    known = f" (likely range {spread})" if spread else ""
    return f"It pays if one {noun} is worth {side} than {value}{known}."


def estimand_sentence(*, outcomes: str, arms: str, control: str, unit: str) -> str:
    """Return what is estimated, in plain words."""
    return (
        f"The average of {outcomes} if every {unit} had got {arms}, minus the average if every "
        f"{unit} had got {control}."
    )


def adjustment_sentence(adjustment: tuple[str, ...], source: str) -> str:
    """Return what was adjusted for, and on whose word."""
    if not adjustment:
        return (
            "Nothing was adjusted for."
            if source == "covariates"
            else "Nothing has to be adjusted for."
        )
    columns = ", ".join(adjustment)
    reason = {
        "graph": "as the graph asks",
        "covariates": "each taken as a common cause, because no graph was given",
        "randomised": "for precision only, because assignment was random",
    }[source]
    return f"Adjusted for {columns}: {reason}."


def graph_description(nodes: int, arrows: int, treatment: str, outcomes: str) -> str:
    """Return the text alternative of the drawing of the graph."""
    return (
        f"{nodes} columns and {arrows} arrows. Treatment: {treatment}. Outcomes: {outcomes}. "
        "Every arrow is listed below the drawing."
    )


def overlap_sentence(*, arm: str, known: bool, low: str, median: str, high: str) -> str:
    """Return how likely each unit was to get an arm."""
    source = "declared" if known else "estimated"
    if low == high:
        return f"{arm}: every unit had the {source} chance {low}."
    return (
        f"{arm}: {source} chances run from {low} to {high}; half of the units are below {median}."
    )


def quality_sentence(row: NuisanceQuality, gain: str) -> str:
    """Return what one nuisance model adds over a constant."""
    if row.gain <= 0:
        return "no better than a constant"
    return f"removes {gain} of a constant's loss"


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
