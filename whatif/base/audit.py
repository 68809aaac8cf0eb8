"""What an audit found: plain records, without a sentence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

FindingCode = Literal[
    "no_trail",
    "foreign_trail",
    "entry_altered",
    "entry_missing",
    "torn_tail",
    "seal_wrong",
    "seal_missing",
    "seal_late",
    "head_unknown",
    "card_unreadable",
    "run_missing",
    "run_altered",
    "run_summed_again",
    "run_unrecorded",
    "store_altered",
    "latest_wrong",
    "page_missing",
    "page_altered",
    "page_unrecorded",
    "page_of_unrecorded_run",
    "study_unknown",
]
"""What is wrong, one word each."""

UncheckedCode = Literal[
    "trail_unreadable",
    "run_unreadable",
    "store_unreadable",
    "place_unreadable",
    "page_unreadable",
]
"""What could not be looked at."""

RemarkCode = Literal[
    "time_went_back",
    "torn_kept",
    "seals_unchecked",
    "place_unknown",
    "plan_late",
    "file_added",
]
"""What is worth knowing and no fault."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing an audit has to say.

    Attributes
    ----------
    code : str
        What.
    study : str
        Whose; empty for what all studies of a site share.
    subject : str
        Which entry, run or file it is about; empty where the code says it all.
    """

    code: FindingCode | UncheckedCode | RemarkCode
    study: str
    subject: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """What was found, and how much was looked at.

    Attributes
    ----------
    findings : tuple of Finding
        What is wrong.
    unchecked : tuple of Finding
        What could not be looked at, which is not the same as sound.
    remarks : tuple of Finding
        What is worth knowing and no fault.
    entries, runs, pages : int
        Entries of trails, run folders and files of the site that were looked at.
    """

    findings: tuple[Finding, ...]
    unchecked: tuple[Finding, ...] = ()
    remarks: tuple[Finding, ...] = ()
    entries: int = 0
    runs: int = 0
    pages: int = 0

    @property
    def sound(self) -> bool:
        """Whether everything was looked at and nothing is wrong."""
        return not self.findings and not self.unchecked
