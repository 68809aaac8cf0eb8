"""Sentences of the appendix: what was estimated, and how to read its tables."""

from __future__ import annotations

from collections.abc import Sequence

from whatif.base.records import NuisanceQuality

NO_SECOND_OPINION = "No second estimator was asked for."
OPINION_ERRORS = (
    "Second opinions bring their own ranges; a dash means that the estimator gives none that can "
    "be relied on."
)
ONE_LOOK = "Errors, intervals and tests in this part are those of a single look."
TESTS = (
    "One clustered F test a row: would differences this large arise if all segments shared one "
    "effect?"
)
TESTS_LOOKED = "P-values of cuts made after looking count every such cut."
REPETITIONS = (
    "Folds are drawn by chance, so they were drawn several times and the scores averaged. Left "
    "in the mean is what their average still owes to luck; the standard error does not count it."
)
BOUNDS = (
    "Where one arm has more of what the cost belongs to, as many are trimmed from it, dearest or "
    "cheapest first, cell by cell of the finest cross of the segments. A cell is settled where the "
    "data tell which arm has more; in the others both ways are allowed for."
)
POPULATIONS = (
    "The same predictions, averaged over other populations, for primary and guardrails. Choose one "
    "by whom it speaks of, never by its answer. An extrapolation counts units for which nobody "
    "comparable got the other arm: it is no measurement."
)
POWER = (
    "An effect is seen when the range its reading comes from leaves out zero. The smallest one is "
    "what a study with these errors sees four times in five, whatever the effect here is. For a "
    "guardrail with a limit the chance is that of showing it within the limit when the arm changes "
    "nothing. More data: more of the same kind, with as many repeats."
)
QUALITY = (
    "Each model was judged on rows it had not seen, and mixed to the smallest loss there. Gain: "
    "the share of a constant's loss that is removed. Slope: at 1 predictions can be taken at their "
    "word, below 1 they are too sure of themselves, above 1 too cautious."
)
EXTRAPOLATION = "extrapolation"
DOWNLOADS = "Every number, at full precision"
ELSEWHERE = (
    "Too long for a page, and told in these files alone: each segment against the rest, what "
    "checks that did not break rest on, the smallest effect to be seen in each segment, how often "
    "each reading would be given, and why a cost differs in crossed segments."
)
DOWNLOAD = {
    "estimates.csv": "every estimate as a table",
    "answer.json": "all that this page says, for programs",
    "scenario.json": "what the sliders rest on",
    "manifest.json": "the study file, the data and the versions behind this run",
}

_LEARNERS = {"glm": "linear model", "boosting": "boosted trees"}


def estimand_sentence(*, outcomes: str, arms: str, control: str, unit: str, who: str) -> str:
    """Return what is estimated, in plain words; `who` is empty for everyone."""
    among = f"Among {who}, the" if who else "The"
    return (
        f"{among} average of {outcomes} if every {unit} had got {arms}, minus the average if every "
        f"{unit} had got {control}."
    )


def weights_sentence(unit: str, column: str) -> str:
    """Return that rows count by a sampling weight."""
    return f"In every average a {unit} counts by its sampling weight, {column}."


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


def learner_words(name: str) -> str:
    """Return what a learner is called on the page.

    Examples
    --------
    >>> learner_words("boosting"), learner_words("sklearn.neighbors.KNeighborsRegressor")
    ('boosted trees', 'KNeighborsRegressor')
    """
    return _LEARNERS.get(name, name.rpartition(".")[2])


def mixture_words(parts: Sequence[tuple[str, str]]) -> str:
    """Return a mixture of learners from (share as text, learner)."""
    if len(parts) == 1:
        return learner_words(parts[0][1])
    return ", ".join(f"{share} {learner_words(name)}" for share, name in parts)


def gain_words(row: NuisanceQuality, gain: str) -> str:
    """Return how much of a constant's loss one nuisance model removes."""
    return gain if row.gain > 0 else "none"
