"""A study file end to end through the command line: files, bytes, exit codes, publishing."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import jsonschema
import pandas as pd
import pytest
import yaml
from typer.testing import CliRunner

from whatif.cli import app
from whatif.contract.yaml_text import read_mapping
from whatif.run.demo import simulate_to

REPOSITORY = Path(__file__).parents[1]
STUDY = REPOSITORY / "reports" / "mobile-expanded-options"


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str


def command(*args: object) -> Outcome:
    done = CliRunner().invoke(app, [str(arg) for arg in args])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return Outcome(done.exit_code, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("log") / "checkout.parquet"
    return simulate_to(path, sessions=6_000, seed=3, mode="randomised")[0]


def _study(folder: Path, log: Path, **changes: object) -> Path:
    keys = read_mapping(STUDY / "study.yaml")
    keys["data"]["source"] = str(log)
    keys["segments"] = ["device"]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "checkout.dot").write_bytes((STUDY / "checkout.dot").read_bytes())
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump(_merged(keys, changes), sort_keys=False), encoding="utf-8")
    return path


def _merged(keys: dict[str, object], changes: dict[str, object]) -> dict[str, object]:
    return {k: v for k, v in (keys | changes).items() if v is not None}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, log: Path) -> tuple[Path, Path, Outcome]:
    folder = tmp_path_factory.mktemp("made")
    study = _study(folder / "study", log)
    out = folder / "out"
    return study, out, command("run", study, "--out", out, "--quick", "--publish", "--json")


def _run_folder(out: Path) -> Path:
    runs = out / "mobile-expanded-options" / "runs"
    return runs / (runs / "latest").read_text(encoding="utf-8").strip()


def test_a_run_leaves_its_files_and_prints_one_json_object(
    made: tuple[Path, Path, Outcome],
) -> None:
    _, out, done = made
    assert done.code == 0, done.err
    answer = json.loads(done.out)
    folder = _run_folder(out)
    assert {p.name for p in folder.iterdir()} == {
        "answer.json", "report.html", "scores.parquet", "manifest.json", "summary.txt",
        "entry.json", "timings.json", "scenario.json", "estimates.csv", "SHA256SUMS",
    }  # fmt: skip
    assert json.loads((folder / "answer.json").read_text(encoding="utf-8")) == answer
    assert answer["run_id"] == folder.name
    assert answer["verdict"]["decision"] in {"roll_out", "do_not_roll_out", "discuss"}


@pytest.mark.parametrize("name", ["answer", "manifest", "scenario"])
def test_what_a_run_writes_keeps_its_schema(name: str, made: tuple[Path, Path, Outcome]) -> None:
    schema = json.loads((REPOSITORY / "data_schemas" / f"{name}.v1.json").read_text("utf-8"))
    written = json.loads((_run_folder(made[1]) / f"{name}.json").read_text("utf-8"))
    jsonschema.Draft202012Validator(schema).validate(written)


def test_scores_have_the_promised_columns(made: tuple[Path, Path, Outcome]) -> None:
    table = pd.read_parquet(_run_folder(made[1]) / "scores.parquet")
    promised = {
        "unit", "cluster", "fold", "period", "weight", "score:folded:converted",
        "score:expanded:shipping_cost", "propensity:expanded", "device", "cart_value",
    }  # fmt: skip
    assert promised <= set(table.columns)
    assert table["unit"].is_unique
    assert str(table["period"].max()) == "2026-10-31"


def test_the_same_study_gives_the_same_bytes(
    made: tuple[Path, Path, Outcome], tmp_path: Path
) -> None:
    study, out, _ = made
    done = command("run", study, "--out", tmp_path, "--quick")
    assert done.code == 0, done.err
    first, second = _run_folder(out), _run_folder(tmp_path)
    assert first.name == second.name
    for name in (
        "answer.json", "report.html", "scores.parquet", "manifest.json", "summary.txt",
        "scenario.json", "estimates.csv",
    ):  # fmt: skip
        assert (first / name).read_bytes() == (second / name).read_bytes(), name


def test_running_again_changes_nothing(made: tuple[Path, Path, Outcome]) -> None:
    study, out, _ = made
    before = {p: p.stat().st_mtime_ns for p in _run_folder(out).iterdir()}
    done = command("run", study, "--out", out, "--quick", "--publish")
    assert done.code == 0
    assert "Unchanged since the last run." in done.out
    assert {p: p.stat().st_mtime_ns for p in _run_folder(out).iterdir()} == before


def test_publishing_puts_the_page_and_the_index_in_place(
    made: tuple[Path, Path, Outcome],
) -> None:
    _, out, _ = made
    page = (out / "site" / "mobile-expanded-options" / "index.html").read_text("utf-8")
    index = (out / "site" / "index.html").read_text("utf-8")
    assert "Mobile expanded options" in page
    assert "mobile-expanded-options/index.html" in index
    assert not list((out / "site").rglob("*.parquet"))


def test_asking_a_stored_run_is_ask_v1(made: tuple[Path, Path, Outcome]) -> None:
    _, out, _ = made
    question = ["ask", "mobile-expanded-options", "--give", "expanded", "--out", out]
    done = command(*question, "--where", "device == 'mobile'", "--json")
    assert done.code == 0, done.err
    record = json.loads(done.out)
    assert {"schema", "effects", "give", "n", "where", "verdict"} <= set(record)
    assert {"share", "mix", "profit", "monthly", "break_even", "planned"} <= set(record)
    assert {"outcome", "versus", "estimate", "std_error", "ci"} < set(record["effects"][0])
    assert record["schema"] == "ask.v1"
    assert [e["outcome"] for e in record["effects"]] == [
        "converted", "shipping_cost", "cost_per_order",
    ]  # fmt: skip
    assert "Per unit of the whole population and per month" in command(*question).out
    pairs = ["--value", "converted=20", "--mix", "device:mobile=0.9", "--mix", "device:desktop=0.1"]
    priced = json.loads(command(*question, *pairs, "--share", "0.5", "--json").out)
    assert priced["mix"] == [["device", "mobile", 0.9], ["device", "desktop", 0.1]]
    assert [row["outcome"] for row in priced["monthly"]][-1] == "profit"
    assert command(*question, "--mix", "device:mobile=0.9").code == 2
    assert "cannot become -1" in command(*question, "--value", "converted=-1").err
    assert command(*question[:3], "gone", "--out", out).code == 2
    assert command(*question, "--where", "device == 'mobile'; drop table x").code == 2
    assert command("ask", "nothing", "--give", "expanded", "--out", out).code == 2


def test_a_broken_sample_ratio_withholds_the_verdict(tmp_path: Path) -> None:
    log, _ = simulate_to(tmp_path / "srm.parquet", sessions=60_000, seed=1, mode="srm")
    study = _study(tmp_path / "study", log, covariates=[], segments=None, value=None)
    done = command("run", study, "--out", tmp_path, "--quick", "--json")
    answer = json.loads(done.out)
    assert done.code == 4
    assert answer["verdict"]["decision"] == "cannot_be_trusted"
    broke = [c["name"] for c in answer["checks"] if c["status"] == "broke"]
    assert "sample_ratio" in broke
    again = command("run", study, "--out", tmp_path, "--quick")
    assert again.code == 4


def test_old_data_are_out_of_date_and_early_looks_too_early(tmp_path: Path, log: Path) -> None:
    bare: dict[str, object] = {"covariates": [], "segments": None, "value": None}
    old = _study(tmp_path / "old", log, freshness="7d", **bare)
    done = command("run", old, "--out", tmp_path / "a", "--quick", "--json")
    assert json.loads(done.out)["verdict"]["decision"] == "out_of_date"
    early = _study(tmp_path / "early", log, decision={"on": "2026-12-15"}, **bare)
    done = command("run", early, "--out", tmp_path / "b", "--quick", "--json")
    answer = json.loads(done.out)
    assert answer["verdict"]["decision"] == "too_early"
    assert {e["reading"] for e in answer["effects"]} == {"not_clear_yet"}


def test_as_of_leaves_later_rows_out(tmp_path: Path, log: Path) -> None:
    study = _study(tmp_path / "s", log, covariates=[], segments=None, value=None)
    done = command("run", study, "--out", tmp_path, "--quick", "--json", "--as-of", "2026-10-10")
    answer = json.loads(done.out)
    assert answer["as_of"] == "2026-10-10"
    assert answer["data"]["units"] < 6_000
    assert command("run", study, "--out", tmp_path, "--as-of", "soon").code == 2


def test_check_says_what_would_be_estimated(tmp_path: Path, log: Path) -> None:
    study = _study(tmp_path / "s", log)
    done = command("check", study)
    assert done.code == 0, done.err
    assert "the study can be answered" in done.out
    record = json.loads(command("check", study, "--json").out)
    assert record["design"] == "experiment"
    assert set(record["data"]["arms"]) == {"folded", "expanded"}


def test_a_schedule_is_one_line_for_cron(tmp_path: Path, log: Path) -> None:
    study = _study(tmp_path / "s", log)
    done = command("schedule", "render", study, "--as", "cron", "--out", tmp_path)
    assert done.code == 0, done.err
    assert "CRON_TZ=Europe/London" in done.out
    assert str(study.resolve()) in done.out
    assert "--publish" in done.out
    assert command("schedule", "render", study, "--as", "k8s").code == 2
    bare = _study(tmp_path / "bare", log, schedule=None)
    assert "has no `schedule`" in command("schedule", "render", bare).err


def test_init_drafts_a_study_that_can_be_checked(tmp_path: Path, log: Path) -> None:
    study = tmp_path / "my-question" / "study.yaml"
    assert command("init", log, "--study", study).code == 0
    assert command("check", study).code == 0
    assert command("init", log, "--study", study).code == 2


@pytest.mark.parametrize("mode", ["by-customer", "confounded"])
def test_simulate_writes_a_log_and_its_truth(mode: str, tmp_path: Path) -> None:
    path = tmp_path / "log.parquet"
    done = command("simulate", "checkout", "--sessions", 500, "--mode", mode, "--out", path)
    assert done.code == 0, done.err
    assert path.exists()
    assert (tmp_path / "log.truth.json").exists()
    assert command("simulate", "checkout", "--mode", "odd", "--out", path).code == 2


def test_customers_as_units_are_counted_over_a_window(tmp_path: Path) -> None:
    log, _ = simulate_to(tmp_path / "c.parquet", sessions=8_000, seed=1, mode="by-customer")
    study = _study(
        tmp_path / "s", log, unit="customer_id", cluster="customer_id", assigned="customer_id",
        window="28d", segments=None, value=None, covariates=["tenure_days", "is_member"],
    )  # fmt: skip
    done = command("run", study, "--out", tmp_path, "--quick", "--json")
    answer = json.loads(done.out)
    assert done.code == 0, done.err
    assert answer["data"]["units"] == answer["data"]["clusters"]
    assert answer["effects"][0]["baseline"] > 1.0
    assert "window_not_over" in {n["code"] for n in answer["notices"]}


def test_help_names_every_command() -> None:
    done = command("--help")
    for name in ("run", "check", "ask", "demo", "init", "simulate", "schedule"):
        assert name in done.out


def test_past_data_on_a_graph_are_adjusted_and_at_most_worth_testing(tmp_path: Path) -> None:
    log, _ = simulate_to(tmp_path / "past.parquet", sessions=20_000, seed=1, mode="confounded")
    study = _study(
        tmp_path / "s", log, design={"kind": "observational"}, covariates=None, value=None,
        graph=str(REPOSITORY / "tests" / "data" / "confounded.dot"), assigned=None,
    )  # fmt: skip
    done = command("run", study, "--out", tmp_path, "--quick", "--json")
    assert done.code == 0, done.err
    answer = json.loads(done.out)
    assert {"device", "is_member", "cart_value", "hour"} <= set(answer["estimand"]["adjustment"])
    assert "taste" not in answer["estimand"]["adjustment"]
    assert answer["verdict"]["decision"] in {"worth_testing", "not_worth_testing", "discuss"}
    truth = json.loads((tmp_path / "past.truth.json").read_text(encoding="utf-8"))
    known = next(
        row["difference"]["value"]
        for row in truth["rows"]
        if row["per"] == "session" and not row["segment"] and row["outcome"] == "converted"
    )
    effect = answer["effects"][0]
    assert abs(effect["estimate"] - known) < 3.5 * effect["std_error"]


def test_a_second_opinion_stands_beside_the_answer(tmp_path: Path, log: Path) -> None:
    study = _study(
        tmp_path / "s", log, segments=None, value=None, estimators=["aipw", "econml.LinearDML"]
    )
    done = command("run", study, "--out", tmp_path, "--quick", "--json")
    assert done.code == 0, done.err
    answer = json.loads(done.out)
    by_name = {(e["estimator"], e["outcome"]): e for e in answer["effects"] if not e["segment"]}
    for outcome in ("converted", "shipping_cost"):
        ours, theirs = by_name["aipw", outcome], by_name["econml.LinearDML", outcome]
        assert theirs["reading"] is None
        assert abs(theirs["estimate"] - ours["estimate"]) < ours["std_error"]
    page = tmp_path / "mobile-expanded-options" / "runs" / answer["run_id"] / "report.html"
    assert "LinearDML" in page.read_text(encoding="utf-8")


def test_asking_for_a_later_day_unlocks_nothing_and_freshens_nothing(
    tmp_path: Path, log: Path
) -> None:
    bare: dict[str, object] = {"covariates": [], "segments": None, "value": None}
    early = _study(tmp_path / "early", log, decision={"on": "2099-01-01"}, **bare)
    done = command("run", early, "--out", tmp_path, "--quick", "--json", "--as-of", "2099-01-01")
    assert json.loads(done.out)["verdict"]["decision"] == "too_early"
    old = _study(tmp_path / "old", log, freshness="7d", **bare)
    done = command("run", old, "--out", tmp_path, "--quick", "--json", "--as-of", "2099-01-01")
    assert json.loads(done.out)["verdict"]["decision"] == "out_of_date"


def test_a_stored_score_is_never_reused_for_other_rows(tmp_path: Path, log: Path) -> None:
    answers = {}
    for zone in ("UTC", "America/Los_Angeles"):
        study = _study(
            tmp_path / "s", log, schedule={"cron": "0 7 * * 1", "timezone": zone},
            covariates=["cart_value"], segments=None, value=None,
        )  # fmt: skip
        asked = ["run", study, "--quick", "--json", "--as-of", "2026-10-01", "--out"]
        warm = json.loads(command(*asked, tmp_path / "warm").out)
        cold = json.loads(command(*asked, tmp_path / zone.replace("/", "-")).out)
        assert warm == cold
        answers[zone] = warm["data"]["units"]
    assert answers["UTC"] != answers["America/Los_Angeles"]


def test_trimming_names_who_is_left_out_and_pays_only_for_the_rest(tmp_path: Path) -> None:
    log, _ = simulate_to(tmp_path / "past.parquet", sessions=6_000, seed=1, mode="confounded")
    study = _study(
        tmp_path / "s", log, design={"kind": "observational"}, graph=None, assigned=None,
        covariates=["device", "is_member", "hour", "cart_value"],
        overlap={"low": 0.3, "high": 0.7, "rule": "trim"},
    )  # fmt: skip
    done = command("run", study, "--out", tmp_path, "--quick", "--json")
    assert done.code == 0, done.err
    answer = json.loads(done.out)
    (notice,) = [n for n in answer["notices"] if n["code"] == "trimmed"]
    assert "device: desktop" in notice["what"]
    assert answer["data"]["units"] < 6_000 * 0.9
    refused = _study(
        tmp_path / "r", log, design={"kind": "observational"}, graph=None, assigned=None,
        covariates=["device", "is_member", "hour", "cart_value"],
        overlap={"low": 0.3, "high": 0.7},
    )  # fmt: skip
    assert command("run", refused, "--out", tmp_path, "--quick").code == 5
