"""`make bench` measures what it says, on a study small enough for every run of the suite."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.benchmarks import bench
from tests.benchmarks.commands import bench_folder, taken
from tests.benchmarks.running import sections


@pytest.fixture
def shared_bench() -> Path:
    """Folder of the shared floor, peers and data."""
    try:
        return bench_folder()
    except SystemExit as missing:
        pytest.skip(str(missing))


def test_a_run_is_measured_beside_the_floor_and_other_rows_stay(
    tmp_path: Path,
    shared_bench: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("OMP_THREAD_LIMIT", "1")  # two threads on a busy core wait for each other
    page = tmp_path / "RESULTS.md"
    words = ["--only", "floor", "--sessions", "2000", "--repeats", "1"]
    bench.main(words, results=page)
    found = sections(page.read_text(encoding="utf-8"))
    assert list(found) == [bench.RATIOS, bench.WHERE, bench.MEASURED]
    ratios = found[bench.RATIOS].splitlines()
    assert len(ratios) == 4
    assert ratios[2].startswith("| floor | run, 2,000 sessions, against the floor | ")
    assert "≤ 1.5 GB | met |" in ratios[3]
    measured = found[bench.MEASURED]
    assert "| floor | floor.py, 2,000 | " in measured
    assert "| floor | whatif run --quick --publish, 2,000 | " in measured
    assert " cores, " in found[bench.WHERE]
    assert str(Path.home()) not in page.read_text(encoding="utf-8")
    assert "against the floor" in capsys.readouterr().out


def test_rows_of_a_part_are_replaced_and_rows_of_the_others_stay() -> None:
    rows: dict[str, list[tuple[str, ...]]] = {"floor": [("run", "1.0")], "memory": [("run", "2.0")]}
    first = bench.merged("", "T", ["part", "what", "value"], rows)
    assert first.splitlines()[2:] == ["| floor | run | 1.0 |", "| memory | run | 2.0 |"]
    again = bench.merged(
        f"# P\n\n## T\n\n{first}\n", "T", ["part", "what", "value"], {"floor": [("run", "3.0")]}
    )
    assert again.splitlines()[2:] == ["| floor | run | 3.0 |", "| memory | run | 2.0 |"]


@pytest.mark.parametrize(
    ("value", "least", "said"),
    [
        (1.0004, False, "**not met**"),
        (1.0, False, "met"),
        (49.9, True, "met"),
        (0.9, True, "**not"),
    ],
)
def test_a_goal_is_judged_before_it_is_rounded(*, value: float, least: bool, said: str) -> None:
    goal = bench.Goal(work="run", figures="", value=value, limit=1.0, least=least)
    assert goal.cells()[-1].startswith(said)
    assert goal.cells()[3] == ("≥ 1 ×" if least else "≤ 1 ×")


def test_without_the_shared_folder_it_says_where_to_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHATIF_BENCH", str(tmp_path))
    with pytest.raises(SystemExit, match=r"floor\.py, .* not found: set WHATIF_BENCH"):
        bench.main(["--only", "floor"], results=tmp_path / "page.md")
    assert not (tmp_path / "page.md").exists()


def test_a_command_that_fails_is_no_measurement() -> None:
    with pytest.raises(SystemExit, match=r"ended with 1:\nno models today"):
        taken([sys.executable, "-c", "raise SystemExit('no models today')"])


def test_a_command_says_its_own_seconds_or_is_timed() -> None:
    own = taken([sys.executable, "-c", "print('a'); print('{\"seconds\": 42.5}')"])
    assert own.seconds == 42.5
    assert own.said == {"seconds": 42.5}
    ours = bytearray(500_000_000)
    timed = taken([sys.executable, "-c", "x = bytearray(300_000_000)"])
    assert 0 < timed.seconds < 60
    assert 0.3 < timed.gigabytes < 0.4  # not a byte of ours
    assert len(ours) > 0
