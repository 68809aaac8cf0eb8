"""Every sentence of a published site: its front page, a study's history, and what a page adds.

Numbers, names and dates arrive as text; names are data and are escaped where a page is rendered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from whatif.base.history import ChangeKind, SignDecision
from whatif.verdict.page_wording import decision_tone
from whatif.verdict.record import Decision
from whatif.verdict.wording import decision_words

FRONT_LEAD = "The latest answer to every question, how sure it is, and how far its data reach."
EMPTY_SITE = (
    "No study has been published here yet. The first one appears with its first published run."
)
ATTENTION = "Needs attention"
REST = "Everything else"
FIND = "Find a study"
FOUND = "{n} of {all} studies"
PAST_DUE = "Past its date"
OLD_DATA = "Data too old"
RUN_FAILED = "Last run failed"
AWAITING = "Awaiting review"
WITHHELD = "withheld"
CONCEALED = "Not shown before somebody has reviewed it."
PROMISE = (
    "These ranges are made to hold for this one number at every run at once, so looking again and "
    "again does not turn chance into a finding. They are wider than the range of a single run."
)
FIRST_REPORT = "This is the first report."
SINCE_TITLE = "Changes since the last report"
TREND_TITLE = "The estimate at every run"
BEYOND = "Where a range runs out of the picture, the table has its ends."
PARTS_ADD = "The parts add up to the move; their ranges do not."
NOT_SPLIT = "What moved the estimate between these two runs was not worked out."
NO_RUN_SHOWN = "No run of this study is shown yet."
NOT_YET = "what it found is for reviewers until somebody approves it"
ONE_OF_MANY = "This is one run; the study's page says whether it was approved, held or replaced."
WHAT_STANDS = "What stands now"
OFF_PLAN_MARK = "Changed after looking"
COMPARE_LEAD = "Two runs side by side; what differs says so."
ONE_RUN = "There is only one run to show yet, so nothing can be compared."
NO_RUN = "There is no run to show yet."
CHANGED, SAME = "changed", "same"
FIRST_RUN = "first run"
UNREVIEWED = "not reviewed"
OFF_PLAN = "changed after looking"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A word with its icon.

    Attributes
    ----------
    word : str
        What is said.
    tone : str
        ``good``, ``bad``, ``unsure``, ``alarm``, ``same`` or ``none``: which icon stands by it.
    """

    word: str
    tone: str


def decision_mark(decision: str) -> Mark:
    """Return the verdict of a run; of a run that was not reviewed, that it awaits review.

    Examples
    --------
    >>> decision_mark("roll_out")
    Mark(word='Roll out', tone='good')
    """
    if not decision:
        return Mark(word=AWAITING, tone="unsure")
    known = Decision(decision)
    words = decision_words(known)
    return Mark(word=words[:1].upper() + words[1:], tone=decision_tone(known))


def signed_words(decision: SignDecision, *, by: str, on: str) -> str:
    """Return who said what of a run: ``Approved by Ann on 2 Nov 2026``."""
    said = {"approve": "Approved", "hold": "Put on hold", "reject": "Rejected"}[decision]
    return f"{said} by {by} on {on}"


def sign_tone(decision: SignDecision) -> str:
    """Return the tone of a sign-off."""
    return {"approve": "good", "hold": "unsure", "reject": "bad"}[decision]


def instead_words(action: str, because: str) -> str:
    """Return what is done instead of what the run recommends."""
    known = {decision.value: decision_words(decision) for decision in Decision}
    done, why = _stopped(known.get(action, action)), _stopped(because)
    return f"Done instead of what the run recommends: {done} Because: {why}"


def failure_words(*, on: str, words: str, good: bool) -> str:
    """Return that the last attempt failed, and what a reader looks at instead."""
    last = "this is the last good one" if good else "no run has succeeded yet"
    return f"The run of {on} failed: {_stopped(words)[:-1]}; {last}."


def awaiting_words(*, data_to: str, first: bool) -> str:
    """Return that a run waits for a person."""
    which = "The first run" if first else "A newer run"
    reach = f", with data to {data_to}," if data_to else ""
    return f"{which}{reach} awaits review"


def set_back_words(*, by: str, on: str, note: str) -> str:
    """Return that a person chose an older run over newer ones, and why."""
    return f"{by} set this page back to this run on {on}" + (f": {_stopped(note)}" if note else ".")


def superseded_words() -> str:
    """Return that a page is not the study's latest."""
    return "This is not the latest report of this study"


def fresh_banner(until: str) -> str:
    """Return the banner a page shows once its data are too old."""
    return f"The data of this page are too old: they were recent enough until {until}."


def spark_words(*, runs: int, first: str, last: str, unit: str, spread: str) -> str:
    """Return what the small picture of a study shows."""
    now = f"{last} {unit}".rstrip()
    if runs == 1:
        return f"One run: {now}; {spread} at every run at once."
    return f"Over {runs} runs: {first}, now {now}; {spread} at every run at once."


def then_and_now(*, then: str, now: str, unit: str) -> str:
    """Return the two estimates in one sentence; each carries its range."""
    return f"The estimate was {then} and is now {now} {unit}".rstrip() + "."


def move_words(*, direction: int, size: str, spread: str) -> str:
    """Return by how much an estimate moved."""
    if direction == 0:
        return f"It hardly moved (likely range of the move {spread})."
    verb = "rose" if direction > 0 else "fell"
    return f"It {verb} by about {size} (likely range of the move {spread})."


def no_numbers(*, now: bool) -> str:
    """Return why a move is not told: one of the two runs shows no numbers."""
    which = "This run" if now else "The run before"
    return f"{which} shows no numbers, so no move is told."


def not_comparable() -> str:
    """Return that two runs do not measure the same."""
    return "The run before measured something else, so the two estimates are not compared."


def kind_words(kind: ChangeKind) -> tuple[str, str]:
    """Return the name of one reason for a move, and what it counts."""
    return {
        "new_data": ("New data", "units that the run before did not have"),
        "mix": ("Another mix", "new units are spread over the segments otherwise, chance included"),
        "mechanism": (
            "What new units showed",
            "their effect within the same segments, chance included",
        ),
        "revised_data": ("Revised data", "earlier units: other values, late, or gone"),
        "definition": ("Definition", "the study file asks for something else"),
        "code": ("Code", "the same study, worked out by another version"),
    }[kind]


def trend_description(*, runs: int, first: str, last: str, unit: str) -> str:
    """Return what the drawing of the trend shows, for those who cannot see it."""
    ends = f"from {first} to {last} {unit}".rstrip()
    return f"The estimates of {runs} runs, {ends}, each with its range. All stand in the table."


def held_words(*, held: int, judged: int) -> str:
    """Return how many checks held."""
    return f"{held} of {judged} held" if judged else "no check applies"


def broke_words(titles: Sequence[str]) -> str:
    """Return which checks broke; empty where none did."""
    return f"broke: {', '.join(titles)}" if titles else ""


def moved_words(move: str, parts: Sequence[str]) -> str:
    """Return in one line what changed against the run before."""
    return f"{move}: {', '.join(parts)}" if parts else move


def older_words(*, shown: int, all_runs: int) -> str:
    """Return that the table does not hold every run."""
    return f"The newest {shown} of {all_runs:,} runs. All of them stand in"


def runs_words(count: int) -> str:
    """Return how many runs a table holds."""
    return "One run." if count == 1 else f"All {count:,} runs, the newest first."


def apart_words() -> str:
    """Return how to learn what moved the estimate between runs that are not neighbours.

    ``{a}`` and ``{b}`` stand for the runs.
    """
    return (
        "These two runs do not follow each other, so what moved the estimate is not split here. "
        "This command splits it: whatif diff {a} {b}"
    )


def same_run_words() -> str:
    """Return that both sides hold one run."""
    return "Both sides show the same run."


def feed_summary(headline: str, number: str) -> str:
    """Return what a feed says of a run."""
    return f"{headline} {_stopped(number)}" if number else headline


def still_shown(*, awaits: bool, run_id: str) -> str:
    """Say in a terminal why readers do not see the run that was just made."""
    if awaits:
        return f"Awaiting review: readers see it after `whatif sign {run_id} approve --by NAME`."
    return (
        "Readers still see another run: this one has older data, or was held or rejected. "
        f"`whatif publish {run_id} --by NAME` shows it all the same."
    )


def not_imported(folder: str) -> str:
    """Say in a terminal that a run folder is left out of the history."""
    return (
        f"warning (run_left_out): The run {folder} is left out of the history: it is damaged, an "
        "older version wrote it, or the audit trail does not know it. "
        "What to do: run the study again for that day, or remove the folder."
    )


def _stopped(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."
