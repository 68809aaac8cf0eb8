"""Hillstrom (2008): the published differences come back, and the zip types do not differ.

Published arm means and differences: MineThatData e-mail challenge, 64,000 customers; the table by
zip type is a difference in means computed independently (`hillstrom_by_zip.csv`).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from tests.test_run import REPOSITORY, command
from whatif.contract.yaml_text import read_mapping

PUBLISHED = {
    ("Mens E-Mail", "visit"): (0.076590, 0.003386),
    ("Mens E-Mail", "conversion"): (0.006805, 0.000921),
    ("Mens E-Mail", "spend"): (0.769827, 0.1452),
    ("Womens E-Mail", "visit"): (0.045233, 0.003234),
    ("Womens E-Mail", "conversion"): (0.003111, 0.000823),
    ("Womens E-Mail", "spend"): (0.424412, 0.1303),
}
STUDY = REPOSITORY / "reports" / "hillstrom-email" / "study.yaml"


@pytest.fixture(scope="module")
def made(data_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], str]:
    out = tmp_path_factory.mktemp("hillstrom")
    data = data_folder / "hillstrom.csv.gz"
    done = command("run", STUDY, "--data", data, "--out", out, "--quick", "--json")
    assert done.code == 0, done.err
    answer = json.loads(done.out)
    page = out / "hillstrom-email" / "runs" / answer["run_id"] / "report.html"
    return answer, page.read_text(encoding="utf-8")


def test_adjusted_effects_stay_near_the_published_and_lose_no_precision(
    made: tuple[dict[str, Any], str],
) -> None:
    overall = [e for e in made[0]["effects"] if not e["segment"]]
    assert {(e["arm"], e["outcome"]) for e in overall} == set(PUBLISHED)
    for effect in overall:
        published, error = PUBLISHED[effect["arm"], effect["outcome"]]
        assert abs(effect["estimate"] - published) <= 0.3 * error
        assert effect["std_error"] <= 1.01 * error


def test_zip_types_stay_near_the_table_of_differences_in_means(
    made: tuple[dict[str, Any], str], data_folder: Path
) -> None:
    table = pd.read_csv(data_folder / "hillstrom_by_zip.csv").set_index(["arm", "zip"])
    segments = [e for e in made[0]["effects"] if e["segment"]]
    assert len(segments) == 18
    for effect in segments:
        row = table.loc[effect["arm"], effect["segment"]["zip_code"]]
        gap = effect["estimate"] - row[effect["outcome"]]
        assert abs(gap) <= 0.5 * row[f"{effect['outcome']}_se"]


def test_no_one_claims_that_zip_types_differ(made: tuple[dict[str, Any], str]) -> None:
    answer, page = made
    assert min(t["p_value"] for t in answer["heterogeneity"]) > 0.05
    assert "no evidence that" in page.lower()
    for effect in answer["effects"]:
        same = next(
            e
            for e in answer["effects"]
            if not e["segment"] and (e["arm"], e["outcome"]) == (effect["arm"], effect["outcome"])
        )
        assert effect["reading"] == same["reading"]


def test_without_covariates_the_published_figures_are_exact(
    data_folder: Path, tmp_path: Path
) -> None:
    keys = read_mapping(STUDY)
    keys["covariates"], keys["segments"] = [], []
    study = tmp_path / "study.yaml"
    study.write_text(yaml.safe_dump(keys), encoding="utf-8")
    data = data_folder / "hillstrom.csv.gz"
    done = command("run", study, "--data", data, "--out", tmp_path, "--quick", "--json")
    assert done.code == 0, done.err
    for effect in json.loads(done.out)["effects"]:
        published, error = PUBLISHED[effect["arm"], effect["outcome"]]
        printed = 1e-6 if effect["outcome"] != "spend" else 5e-5  # digits of the published errors
        assert effect["estimate"] == pytest.approx(published, abs=1e-6)
        assert effect["std_error"] == pytest.approx(error, abs=printed)
