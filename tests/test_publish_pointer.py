"""Which run readers see: later days before earlier ones, people before machines."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from whatif.base.history import SignDecision, SignOff
from whatif.publish.pointer import Made, Pointer, Rewind, point

DAY = dt.date(2026, 11, 2)


def made(*runs: str) -> list[Made]:
    """Runs ``"a1"``: name and day."""
    return [Made(run_id=run, day=DAY + dt.timedelta(days=int(run[1:]))) for run in runs]


def said(**words: SignDecision) -> dict[str, SignOff]:
    return {
        run: SignOff(run_id=run, by="Ann", at="2026-11-03T09:00:00+00:00", decision=word, note="")
        for run, word in words.items()
    }


def test_the_newest_run_is_shown_when_no_review_is_required() -> None:
    assert point(made("a1", "b8"), {}, required=False) == Pointer(shown="b8", awaiting=None)


def test_a_run_of_an_earlier_day_does_not_replace_a_later_one() -> None:
    assert point(made("b8", "a1"), {}, required=False).shown == "b8"


def test_of_two_runs_of_one_day_the_newest_is_shown() -> None:
    assert point(made("a1", "b1"), {}, required=False).shown == "b1"


def test_nothing_unreviewed_is_shown_where_a_review_is_required() -> None:
    runs = made("a1", "b8")
    assert point(runs, {}, required=True) == Pointer(shown=None, awaiting="b8")
    assert point(runs, said(a1="approve"), required=True) == Pointer(shown="a1", awaiting="b8")
    assert point(runs, said(b8="approve"), required=True) == Pointer(shown="b8", awaiting=None)


def test_a_held_or_rejected_run_is_never_shown_by_itself() -> None:
    for word in ("hold", "reject"):
        runs, words = made("a1", "b8"), said(b8=word)
        assert point(runs, words, required=False) == Pointer(shown="a1", awaiting=None)
        assert point(runs, words, required=True).shown is None


def test_a_rewind_stands_until_a_newer_run() -> None:
    back = Rewind(run_id="a1", after=2)
    assert point(made("a1", "b8"), {}, required=False, rewind=back).shown == "a1"
    assert point(made("a1", "b8", "c9"), {}, required=False, rewind=back).shown == "c9"


def test_runs_of_one_day_follow_each_other() -> None:
    runs = [Made(run_id="a", day=DAY), Made(run_id="b", day=DAY)]
    assert point(runs, {}, required=False).shown == "b"


RUNS = st.lists(st.integers(1, 30), max_size=6).map(
    lambda days: made(*(f"{chr(97 + i)}{day}" for i, day in enumerate(days)))
)
WORDS = st.lists(st.sampled_from([None, *get_args(SignDecision)]), min_size=6, max_size=6)


@given(runs=RUNS, words=WORDS, required=st.booleans())
def test_only_what_may_be_shown_is_shown(
    runs: list[Made], words: list[SignDecision | None], required: bool
) -> None:
    paired = zip(runs, words, strict=False)
    signed = said(**{run.run_id: word for run, word in paired if word is not None})
    found = point(runs, signed, required=required)
    if found.shown is not None:
        word = signed[found.shown].decision if found.shown in signed else None
        assert word == "approve" or (word is None and not required)
    if found.awaiting is not None:
        assert required
        assert found.awaiting not in signed
        assert found.awaiting != found.shown


def test_what_readers_saw_before_reviews_were_asked_for_stays() -> None:
    first, second = made("a1", "b8")
    runs = [replace(first, seen=True), second]
    assert point(runs, {}, required=True) == Pointer(shown="a1", awaiting="b8")
    assert point(runs, said(a1="reject"), required=True).shown is None
