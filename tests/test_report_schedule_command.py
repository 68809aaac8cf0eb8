"""``whatif schedule render``: what it prints, what it writes, what it refuses."""

from __future__ import annotations

import getpass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from whatif.base.errors import PublishError, UsageError
from whatif.cli import app
from whatif.report.schedulers.units import FILES
from whatif.run.schedule import render_schedule

STUDY = """
study: checkout
data: {source: checkout.parquet}
treatment: {column: arm, control: a}
outcomes: [converted]
"""


@pytest.fixture
def study(tmp_path: Path) -> Path:
    path = tmp_path / "my studies" / "study.yaml"
    path.parent.mkdir()
    path.write_text(
        STUDY.replace("[converted]", "[{column: converted}]")
        + 'schedule: {cron: "0 7 * * 1", timezone: Europe/London}\n',
        encoding="utf-8",
    )
    return path


@pytest.mark.parametrize("kind", sorted(FILES))
def test_printed_and_written_units_are_equal(kind: str, study: Path, tmp_path: Path) -> None:
    out, into = tmp_path / "reports", tmp_path / "units"
    printed = render_schedule(study, kind=kind, out=out, image="i:1")
    written = render_schedule(study, kind=kind, out=out, image="i:1", into=into)
    paths = [Path(line) for line in written.splitlines()]
    assert sorted(paths) == sorted(into.iterdir())
    texts = [path.read_text(encoding="utf-8") for path in paths]
    if len(paths) == 1:
        assert printed == texts[0]
    else:
        named = zip(paths, texts, strict=True)
        assert printed == "\n".join(f"# ==== {path.name} ====\n{text}" for path, text in named)
    assert str(study.resolve()) in printed
    assert str(out.resolve()) in printed


def test_a_unit_runs_as_whoever_asked(study: Path, tmp_path: Path) -> None:
    made = render_schedule(study, kind="systemd", out=tmp_path)
    assert made.count(f"\nUser={getpass.getuser()}\n") == 2


def test_a_local_site_is_named_whole_and_a_url_as_it_is(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    local = render_schedule(study, kind="cron", out=tmp_path, site="site")
    assert local.count(f"--site {tmp_path.resolve()}/site") == 2
    remote = render_schedule(study, kind="cron", out=tmp_path, site="s3://bucket/site")
    assert remote.count("--site s3://bucket/site") == 2


def test_what_cannot_be_rendered_is_refused(study: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="did you mean 'systemd'"):
        render_schedule(study, kind="sytemd", out=tmp_path)
    blocked = tmp_path / "file"
    blocked.write_text("", encoding="utf-8")
    with pytest.raises(PublishError, match="Nothing could be written"):
        render_schedule(study, kind="cron", out=tmp_path, into=blocked)
    study.write_text(study.read_text(encoding="utf-8").split("schedule:")[0], encoding="utf-8")
    with pytest.raises(UsageError, match="has no `schedule`"):
        render_schedule(study, kind="cron", out=tmp_path)


def test_the_command_takes_every_option(study: Path, tmp_path: Path) -> None:
    words = ["schedule", "render", str(study), "--as", "k8s", "--image", "i:1"]
    words += ["--out", str(tmp_path), "--site", "s3://b/x", "--into", str(tmp_path / "units")]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.stderr
    assert done.stdout == f"{tmp_path}/units/whatif-checkout.yaml\n"
    assert CliRunner().invoke(app, words[:5]).exit_code == 2
