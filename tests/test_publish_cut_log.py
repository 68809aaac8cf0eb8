"""The log of undeclared cuts: added to, never rewritten, by one writer at a time."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from whatif.base.errors import PublishError
from whatif.publish.cut_log import LOG, log_cut, read_cuts

AT = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)


def _run(out: Path, name: str = "aaa") -> Path:
    folder = out / "study" / "runs" / name
    folder.mkdir(parents=True)
    return folder


def test_each_cut_of_each_run_has_one_line(tmp_path: Path) -> None:
    one, two = _run(tmp_path), _run(tmp_path, "bbb")
    for folder in (one, two, one):
        log_cut(folder, ("hour", "device"), at=AT)
        log_cut(folder, ("device", "hour"), at=AT)
    made = read_cuts(one)
    assert [(cut.cut, cut.run_id) for cut in made] == [
        (("device", "hour"), "aaa"),
        (("device", "hour"), "bbb"),
    ]
    assert made[0].first_at == "2026-03-01T12:00:00+00:00"
    assert (tmp_path / "study" / LOG).read_text(encoding="utf-8").count("\n") == 2


def test_writers_at_the_same_time_lose_nothing(tmp_path: Path) -> None:
    folder = _run(tmp_path)
    cuts = [(f"column {i % 12}",) for i in range(48)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda cut: log_cut(folder, cut, at=AT), cuts))
    assert sorted(cut.cut for cut in read_cuts(folder)) == sorted(set(cuts))


def test_a_line_cut_short_spoils_no_other(tmp_path: Path) -> None:
    folder = _run(tmp_path)
    (tmp_path / "study" / LOG).write_text('{"cut":["ho', encoding="utf-8")
    log_cut(folder, ("hour",), at=AT)
    assert [cut.cut for cut in read_cuts(folder)] == [("hour",)]


def test_a_run_outside_its_place_logs_beside_itself(tmp_path: Path) -> None:
    moved = tmp_path / "copy"
    moved.mkdir()
    assert read_cuts(moved) == ()
    log_cut(moved, ("hour",), at=AT)
    assert (tmp_path / LOG).is_file()


def test_a_log_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    folder = _run(tmp_path)
    (tmp_path / "study" / LOG).mkdir()
    with pytest.raises(PublishError, match="Nothing could be written"):
        log_cut(folder, ("hour",), at=AT)
