"""The files a run leaves: answer, page, scores, manifest, and what the site says about it."""

from __future__ import annotations

import json
import platform
from typing import Any

from whatif.base.calibration import calibration_json
from whatif.base.hashing import canonical_json, of_json
from whatif.base.versions import code_hash, package_versions
from whatif.contract.stored import to_json
from whatif.report.answer_json import answer_json
from whatif.report.estimates_csv import estimates_csv
from whatif.report.html import render_html
from whatif.report.text import render_text
from whatif.run.analysis import Run
from whatif.run.calibration_file import FILE as CALIBRATION
from whatif.run.history_line import run_line
from whatif.run.scenario_file import FILE as SCENARIO
from whatif.run.scenario_file import scenario_of_run

ENTRY = "entry.json"
ESTIMATES = "estimates.csv"
TEXTS = ("answer.json", ESTIMATES, "report.html", "manifest.json", "summary.txt", ENTRY)
FILES = (*TEXTS, "scores.parquet")


def files_of(run: Run) -> dict[str, bytes]:
    """Return the files of a run by name; equal runs give equal bytes, ``timings.json`` apart."""
    return texts_of(run) | {"scores.parquet": run.parquet()}


def texts_of(run: Run) -> dict[str, bytes]:
    """Return the files of a run that people and other programs read: all but the scores."""
    report = run.report
    answer = answer_json(report)
    files = {
        "answer.json": answer,
        ESTIMATES: estimates_csv(json.loads(answer)),
        "report.html": render_html(report),
        "manifest.json": canonical_json(_manifest(run)) + "\n",
        "summary.txt": render_text(report),
        ENTRY: to_json(run_line(run)) + "\n",
        "timings.json": json.dumps({name: round(s, 3) for name, s in run.seconds}) + "\n",
    }
    if report.calibration is not None:
        files[CALIBRATION] = calibration_json(report.calibration)
    scenario = report.scenario or scenario_of_run(
        run.means, run.scores, report.spec, report.verdict, report.data, run_id=report.run_id
    )
    if scenario is not None:
        files[SCENARIO] = scenario
    return {name: text.encode() for name, text in files.items()}


def _manifest(run: Run) -> dict[str, Any]:
    prepared, data = run.prepared, run.prepared.data
    spec = prepared.spec.public()
    return {
        "schema": "manifest.v1",
        "study": prepared.spec.study,
        "run_id": prepared.run_id,
        "as_of": None if data.as_of is None else data.as_of.isoformat(),
        "data": {
            "fingerprint": data.fingerprint,
            "source": data.source,
            "contract": data.schema.name if data.schema else None,
            "types": dict(data.types),
            "rows_read": data.rows_read,
            "rows_filtered": data.rows_filtered,
            "rows_after_as_of": data.rows_after_as_of,
            "rows_other_arms": data.rows_other_arms,
        },
        "study_file": spec,
        "study_hash": of_json(spec),
        "score_key": prepared.score_key,
        "code": code_hash(),
        "python": platform.python_version(),
        "versions": dict(package_versions()),
        "seed": prepared.spec.seed,
    }
