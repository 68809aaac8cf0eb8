"""A study's history and two of its runs side by side: bounded, whole in their files, in words."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace

from tests import site_cases
from tests.site_cases import files_of, past, run_line, text_of
from whatif.base.history import History
from whatif.base.readers import card_of, reviewed
from whatif.contract.stored import from_json
from whatif.report.site.compare_page import ROWS
from whatif.report.site.story import short_story


def test_history_without_findings_of_later_runs() -> None:
    history = site_cases.awaiting()
    seen = reviewed(history)
    assert seen.runs[:-1] == history.runs[:-1]
    assert seen.runs[-1].line.decision == ""
    assert seen.runs[-1].line.estimate is None
    assert seen.runs[-1].change is None
    assert reviewed(seen) == seen
    assert len(card_of(history).trend) == len(history.runs) - 1
    assert reviewed(site_cases.history()) == site_cases.history()
    other = past(run_line(9, metric=replace(site_cases.METRIC, label="Net value")))
    moved = site_cases.history()
    moved = replace(moved, runs=(*moved.runs, other), shown=other.line.run_id)
    assert len(card_of(moved).trend) == 1


def test_the_history_of_two_thousand_runs_is_bounded_and_whole_in_its_files() -> None:
    history = site_cases.long_life()
    made = files_of(history)
    html = made["history.html"].decode()
    assert html.count('<th scope="row">') == 100
    assert "The newest 100 of 2,000 runs." in html
    assert len(html) < 120_000
    assert len(made["compare.html"]) < 160_000
    assert len(made["index.html"]) < 61_440
    rows = list(csv.DictReader(io.StringIO(made["history.csv"].decode())))
    assert [float(row["estimate"]) for row in rows] == [r.line.estimate for r in history.runs]
    assert [row["run_id"] for row in rows] == [r.line.run_id for r in history.runs]
    assert from_json(History, made["history.json"], shown="history") == reviewed(history)


def test_the_history_notes_failures_checks_and_signatures() -> None:
    told = text_of(files_of(site_cases.failed())["history.html"])
    assert "The run of 2 Nov 2026 failed" in told
    withheld = text_of(files_of(site_cases.withheld())["history.html"])
    assert "15 of 16 held broke: Sample ratio" in withheld
    assert "withheld" in withheld
    assert "first run" in withheld
    awaiting = text_of(files_of(site_cases.awaiting())["history.html"])
    assert "Not shown before somebody has reviewed it." in awaiting
    assert "not reviewed" in awaiting
    deviating = text_of(files_of(site_cases.deviating())["history.html"])
    assert "changed after looking" in deviating
    assert "the warehouse in the north is full" in deviating


def embedded(html: bytes) -> dict[str, object]:
    found = re.search(r'id="w-runs">(.*?)</script>', html.decode(), re.DOTALL)
    assert found is not None
    made: dict[str, object] = json.loads(found[1])
    return made


def test_two_runs_are_compared_in_words() -> None:
    made = files_of(site_cases.history())["compare.html"]
    told = text_of(made)
    rows = re.findall(r'<th scope="row">([^<]*)</th>.*?<td>(changed|same)</td>', made.decode())
    assert [name for name, _ in rows] == list(ROWS)
    differs = dict(rows)
    assert (differs["Verdict"], differs["Number"], differs["Code"]) == ("same", "changed", "same")
    assert "Another mix +0.9, 55" in told
    data = embedded(made)
    assert isinstance(data["runs"], list)
    assert isinstance(data["texts"], list)
    assert len(data["runs"]) == 8
    assert len(data["texts"]) == len(set(data["texts"]))
    assert "whatif diff {a} {b}" in str(data["words"])
    assert "only one run" in text_of(files_of(site_cases.first())["compare.html"])
    assert "no run to show" in text_of(files_of(site_cases.never_reviewed())["compare.html"])


def test_a_move_within_chance_is_said_to_be_and_its_parts_are_left_to_the_page() -> None:
    last = site_cases.history(3).runs[-1]
    assert last.change is not None
    noise = tuple(replace(part, ci=(-0.01, 0.01)) for part in last.change.parts)
    quiet = replace(last.change, total=0.001, ci=(-0.01, 0.012), parts=noise)
    told = short_story(replace(last, change=quiet))
    assert told.endswith("within chance")
    assert "mix" not in told
