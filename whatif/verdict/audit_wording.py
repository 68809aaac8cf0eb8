"""Sentences of an audit: what was looked at, what is wrong, and what could not be checked."""

from __future__ import annotations

from collections.abc import Sequence

from whatif.base.audit import Audit, Finding, FindingCode, RemarkCode, UncheckedCode

_MOST = 50

_SENTENCES: dict[FindingCode | UncheckedCode | RemarkCode, str] = {
    "no_trail": "There is no audit trail: it was removed, or the runs are older than trails are.",
    "foreign_trail": "The audit trail belongs to another study, at {subject}.",
    "entry_altered": "An entry of the audit trail was altered: {subject}.",
    "entry_missing": "An entry of the audit trail is missing or out of order before {subject}.",
    "torn_tail": "The end of the audit trail is cut short at {subject}: a process died while "
    "writing it, or somebody altered it.",
    "seal_wrong": "The seal is not that of the key: {subject}. The trail was written anew, or with "
    "another key.",
    "seal_missing": "There is no seal although there is a key: {subject}.",
    "seal_late": "Nobody vouched for the entries before {subject}, the first one with a seal: the "
    "trail was begun anew, or sealed without `whatif audit seal`.",
    "head_unknown": "The site knows a later audit trail than there is ({subject}): entries were "
    "cut off, or the trail was written anew.",
    "card_unreadable": "What the site says of its audit trail cannot be read: {subject}.",
    "run_missing": "The folder of run {subject} is gone, and nothing says that it was removed.",
    "run_altered": "A file of a run was altered or removed: {subject}.",
    "run_summed_again": "The checksums of run {subject} are not those that were recorded: its "
    "files were altered and summed again.",
    "run_unrecorded": "The folder of run {subject} is not recorded, or is recorded as removed.",
    "store_altered": "The run store says something else of run {subject} than the run itself; "
    "history and front page read the store.",
    "latest_wrong": "The pointer to the latest run was altered: it names no run.",
    "page_missing": "A published file is gone: {subject}.",
    "page_altered": "A published file was altered: {subject}.",
    "page_unrecorded": "A file on the site was put there by no recorded publish: {subject}.",
    "page_of_unrecorded_run": "The site shows a run that is not recorded: {subject}.",
    "study_unknown": "The site holds a study that this folder knows nothing of: {subject}.",
    "trail_unreadable": "The audit trail cannot be read.",
    "run_unreadable": "A run cannot be read: {subject}.",
    "store_unreadable": "The run store cannot be read.",
    "place_unreadable": "The site cannot be read: {subject}.",
    "page_unreadable": "A published file cannot be read: {subject}.",
    "time_went_back": "The clock went back before {subject}.",
    "torn_kept": "A line that was cut short was moved aside and is kept in {subject}.",
    "seals_unchecked": "The seals were not checked, because WHATIF_AUDIT_KEY is not set.",
    "place_unknown": "The site was published under another address, {subject}, and is compared "
    "with that.",
    "plan_late": "The plan was locked after {subject} runs had been made.",
    "file_added": "A file was added to a run and is not part of it: {subject}.",
}


def finding_sentence(one: Finding) -> str:
    """Return one finding in words, the study first.

    Examples
    --------
    >>> finding_sentence(Finding(code="page_altered", study="checkout", subject="index.html"))
    'checkout: A published file was altered: index.html.'
    """
    said = _SENTENCES[one.code].format(subject=one.subject)
    return f"{one.study}: {said}" if one.study else said


def audit_text(audit: Audit) -> str:
    """Return an audit for a terminal: the outcome first, then every finding."""
    lines = [
        _outcome(audit),
        *_listed("Wrong", audit.findings),
        *_listed("Not checked", audit.unchecked),
        *_listed("Worth knowing", audit.remarks),
    ]
    return "\n".join(lines)


def sealed_text(study: str, *, by: str, entries: int) -> str:
    """Return that a trail is sealed from now on.

    Examples
    --------
    >>> sealed_text("checkout", by="Ada", entries=7)
    'The audit trail of checkout is sealed from now on; Ada vouches for 7 entries before.'
    """
    count = _count(entries, "entry", "entries")
    return f"The audit trail of {study} is sealed from now on; {by} vouches for {count} before."


def _outcome(audit: Audit) -> str:
    looked = (
        f"{_count(audit.entries, 'entry', 'entries')}, {_count(audit.runs, 'run', 'runs')} and "
        f"{_count(audit.pages, 'published file', 'published files')} were looked at"
    )
    if audit.findings:
        return f"Not sound: {_count(len(audit.findings), 'finding', 'findings')}. {looked}."
    if audit.unchecked:
        return f"Nothing wrong was found, but not everything could be checked. {looked}."
    return f"Sound: {looked}, and all agree."


def _listed(title: str, found: Sequence[Finding]) -> list[str]:
    shown = [f"  {title}: {finding_sentence(one)}" for one in found[:_MOST]]
    more = len(found) - _MOST
    return [*shown, f"  {title}: {more:,} more."] if more > 0 else shown


def _count(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}"
