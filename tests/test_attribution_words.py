"""The words of a move between two periods: places, periods, ranges and parts."""

from __future__ import annotations

import datetime as dt

from whatif.verdict import attribution_wording as words
from whatif.verdict.page_wording import Amount


def test_words_for_many_places() -> None:
    place = [((("region", f"r{i}"),), "expanded", "later") for i in range(5)]
    told = words.borrowed_words([*place, (None, None, "earlier")])
    assert "Nobody came in the earlier period from the small segments" in told
    assert "expanded in region r2 and 2 more; the earlier period\u2019s means" in told
    assert words.merged_words(((("region", "a"),),)) == (
        "1 segment is too small in some period and arm to stand alone and is counted as the rest: "
        "region a."
    )
    assert "to stand alone and are counted together as one: " in words.merged_words(
        [(("region", level),) for level in "ab"]
    )


def _amount(size: str, direction: int, ends: tuple[str, str], signs: tuple[int, int]) -> Amount:
    return Amount(
        size=size, direction=direction, ends=ends, signs=signs, noun="", per="per session",
        more="more", fewer="less",
    )  # fmt: skip


def test_a_move_reads_the_same_way_up_and_down() -> None:
    still = _amount("0.00", 0, ("0.01", "0.02"), (-1, 1))
    assert words.move_sentence("cost", still, when="Later", bounded=False, parts=[]) == (
        "Later, cost hardly moved."
    )
    fell = _amount("USD 0.04", -1, ("0.25", "0.16"), (-1, 1))
    part = words.part_words(_amount("USD 0.01", -1, ("0.03", "0.01"), (-1, 1)), bounded=True)
    told = words.move_sentence("cost", fell, when="Later", bounded=True, parts=[("mix", part)])
    assert told == (
        "Later, cost fell by about USD 0.04 per session (likely range 0.25 less to 0.16 more): "
        "USD 0.01 less (0.03 less to 0.01 more) because the mix of segments changed."
    )
    assert words.part_words(still, bounded=True) == "hardly anything (0.01 less to 0.02 more)"
    assert words.part_words(fell, bounded=False) == "USD 0.04 less"


def test_periods_are_named_as_far_as_they_were() -> None:
    first, last = dt.date(2026, 10, 1), dt.date(2026, 10, 31)
    one = words.periods_words(split=first, before=None, after=(first, first))
    assert one == "On 1 October 2026, compared with the days before 1 October 2026"
    both = words.periods_words(
        split=None, before=(dt.date(2026, 9, 1), dt.date(2026, 9, 30)), after=(first, last)
    )
    assert both == "In 1–31 October 2026, compared with 1–30 September 2026"
