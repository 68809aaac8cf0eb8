"""Run the recipes for Airflow, Dagster and Prefect in their real libraries (``make recipes``).

Each library gets a virtual environment of its own, which is removed again. Its recipe calls a
stand-in for ``whatif`` that ends with given codes; what the library then records is asserted and
written to ``tests/benchmarks/RECIPES.md``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from whatif.contract.spec import ScheduleSpec
from whatif.report.schedulers.job import Job
from whatif.report.schedulers.units import FILES

PAGE = Path(__file__).parent / "benchmarks" / "RECIPES.md"
PATIENCE = 600

STAND_IN = """#!/bin/sh
echo "$1" >> "$(dirname "$0")/calls"
[ "$1" = run ] || exit 8
codes="$(dirname "$0")/codes"
read -r code < "$codes"
[ "$(wc -l < "$codes")" -eq 1 ] || { tail -n +2 "$codes" > "$codes.new"; mv "$codes.new" "$codes"; }
exit "$code"
"""

AIRFLOW = """
import json, sys
from airflow.dag_processing.dagbag import DagBag
from airflow.utils.db import initdb
initdb()
bag = DagBag(sys.argv[1])
assert not bag.import_errors, bag.import_errors
dag = next(iter(bag.dags.values()))
run = dag.test()
(task,) = run.get_task_instances()
mark = task.xcom_pull(task_ids=task.task_id) or {}
timetable = f"{dag.timetable.expression} {dag.timetable.timezone}"
print("SAW " + json.dumps({"state": str(task.state), "withheld": mark.get("verdict_withheld"),
                           "moments": timetable}))
"""

DAGSTER = """
import importlib.util, json, sys
import dagster as dg
spec = importlib.util.spec_from_file_location("recipe", sys.argv[1])
recipe = importlib.util.module_from_spec(spec)
spec.loader.exec_module(recipe)
(schedule,) = recipe.defs.schedules
job = recipe.defs.get_repository_def().get_job(schedule.job_name)
done = job.execute_in_process(raise_on_error=False)
made = done.get_asset_materialization_events()
mark = made[0].materialization.metadata["verdict_withheld"].value if made else None
print("SAW " + json.dumps({"state": done.dagster_run.status.value, "withheld": mark,
                           "moments": f"{schedule.cron_schedule} {schedule.execution_timezone}"}))
"""

PREFECT = """
import importlib.util, json, sys
from prefect.testing.utilities import prefect_test_harness
spec = importlib.util.spec_from_file_location("recipe", sys.argv[1])
recipe = importlib.util.module_from_spec(spec)
sys.modules["recipe"] = recipe
spec.loader.exec_module(recipe)
with prefect_test_harness(server_startup_timeout=120):
    state = recipe.study(return_state=True)
    deployed = recipe.study.to_deployment("x", schedule=recipe.MOMENTS).schedules[0].schedule
print("SAW " + json.dumps({"state": state.type.value, "withheld": state.name == "Withheld",
                           "moments": f"{deployed.cron} {deployed.timezone}"}))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Library:
    """A library, how to drive a recipe in it, and its words for a good and a failed run."""

    kind: str
    package: str
    beside: tuple[str, ...] = ()
    driver: str
    wait: str
    at_once: str
    good: str
    failed: str


LIBRARIES = (
    Library(
        kind="airflow",
        package="apache-airflow",
        driver=AIRFLOW,
        wait="timedelta(minutes=10)",
        at_once="timedelta(0)",
        good="success",
        failed="failed",
    ),
    Library(
        kind="dagster",
        package="dagster",
        driver=DAGSTER,
        wait="6, 600.0",
        at_once="6, 0.0",
        good="SUCCESS",
        failed="FAILURE",
    ),
    Library(
        kind="prefect",
        package="prefect",
        beside=("fastapi<0.141",),  # prefect 3.8.8 allows 0.165 and does not start with it
        driver=PREFECT,
        wait="WAIT = 600",
        at_once="WAIT = 0",
        good="COMPLETED",
        failed="FAILED",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Exit codes of the runs in turn, and what should come of them."""

    codes: tuple[int, ...]
    good: bool
    runs: int
    withheld: bool = False


CASES = (
    Case(codes=(0,), good=True, runs=1),
    Case(codes=(4,), good=True, runs=1, withheld=True),
    Case(codes=(75, 75, 0), good=True, runs=3),
    Case(codes=(75,), good=False, runs=7),
    Case(codes=(3,), good=False, runs=1),
)


def play(library: Library, case: Case, python: Path, folder: Path) -> dict[str, object]:
    """Run a recipe once and return what its library recorded."""
    folder.mkdir(parents=True)
    stand_in = folder / "whatif"
    stand_in.write_text(STAND_IN, encoding="utf-8")
    stand_in.chmod(0o755)
    (folder / "codes").write_text("".join(f"{code}\n" for code in case.codes), encoding="utf-8")
    schedule = ScheduleSpec(cron="30 7 * * 1", timezone="Europe/London")
    job = Job(
        study="checkout",
        file="/srv/my study.yaml",
        out="/srv/reports",
        executable=str(stand_in),
        schedule=schedule,
    )
    ((name, text),) = FILES[library.kind](job).items()
    assert text.count(library.wait) == 1
    recipe = folder / "dags" / name
    recipe.parent.mkdir()
    recipe.write_text(text.replace(library.wait, library.at_once), encoding="utf-8")
    done = subprocess.run(
        [python, "-c", library.driver, recipe],
        cwd=folder,
        env=_environment(folder),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    seen = [line for line in done.stdout.splitlines() if line.startswith("SAW ")]
    if not seen:
        raise AssertionError(f"{library.kind} {case.codes}:\n{done.stdout}\n{done.stderr}"[-4000:])
    calls = (folder / "calls").read_text(encoding="utf-8").split()
    return {
        **json.loads(seen[0].removeprefix("SAW ")),
        "runs": calls.count("run"),
        "told": calls.count("status"),
    }


def _environment(folder: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "AIRFLOW_HOME": str(folder / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(folder / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
        "DAGSTER_DISABLE_TELEMETRY": "1",
        "PREFECT_HOME": str(folder / "prefect"),
        "DO_NOT_TRACK": "1",
    }


def check(library: Library, case: Case, seen: dict[str, object]) -> None:
    """Hold what was recorded against what should have been."""
    assert seen["state"] == (library.good if case.good else library.failed), seen
    assert bool(seen["withheld"]) == case.withheld, seen
    assert seen["runs"] == case.runs, seen
    assert seen["told"] == (0 if case.good else 1), seen
    assert "30 7 * * 1" in str(seen["moments"]), seen
    assert "Europe/London" in str(seen["moments"]), seen


def installed(library: Library, folder: Path) -> tuple[Path, str]:
    """Install a library in a virtual environment of its own; return its Python and version."""
    python = folder / library.package / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", folder / library.package], check=True)
        install: list[str | Path] = [
            python,
            "-m",
            "pip",
            "install",
            "--quiet",
            library.package,
            *library.beside,
        ]
        subprocess.run(install, check=True)
    ask = f"import importlib.metadata as m; print(m.version({library.package!r}))"
    told = subprocess.run([python, "-c", ask], check=True, capture_output=True, text=True)
    return python, told.stdout.strip()


def main() -> None:
    """Play every case in every library and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=[library.kind for library in LIBRARIES])
    parser.add_argument("--environments", type=Path, help="Keep and reuse them in this folder.")
    asked = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for library in LIBRARIES:
            if asked.only in (None, library.kind):
                python, version = installed(library, asked.environments or folder / "environments")
                for case in CASES:
                    at = folder / library.kind / "-".join(map(str, case.codes))
                    seen = play(library, case, python, at)
                    sys.stdout.write(f"{library.kind} {version} {case.codes}: {seen}\n")
                    check(library, case, seen)
                    rows.append((library, version, case, seen))
    if asked.only is None:
        PAGE.write_text(_page(rows), encoding="utf-8")


def _page(rows: list[tuple[Library, str, Case, dict[str, object]]]) -> str:
    lines = [
        "# Recipes in their real libraries",
        "",
        "Made by `make recipes`: each recipe of `whatif schedule render` runs once in its library,"
        " against a stand-in for `whatif`",
        "that ends with the given codes, the last one again and again. Tries follow at once.",
        f"Python {platform.python_version()}.",
        "",
        "| library | exit codes in turn | recorded | verdict withheld | runs | people told |",
        "|---|---|---|---|---|---|",
    ]
    for library, version, case, seen in rows:
        codes = ", ".join(map(str, case.codes)) + (", …" if not case.good and case.runs > 1 else "")
        withheld = "yes" if seen["withheld"] else "no"
        told = "yes" if seen["told"] else "no"
        lines.append(
            f"| {library.package} {version} | {codes} | {seen['state']} | {withheld} "
            f"| {seen['runs']} | {told} |"
        )
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    main()
