"""What the pages of LaLonde's data say: weak evidence from the surveys, none of that otherwise.

The trainees' effect is 1794 dollars by the experiment. Beside controls from two surveys hardly any
control resembles a trainee, and causes far weaker than those measured could erase the estimate.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import whatif as wi
from tests.test_lalonde import _read, _survey
from whatif.api.answer import Answer
from whatif.checks.result import CheckResult, Status

SURVEYS = ["cps1", "psid1"]


@cache
def asked(folder: Path, name: str) -> Answer:
    """Return the answer about trainees, once a data set."""
    keys: dict[str, Any] = {
        "treatment": {"column": "treat", "control": 0},
        "outcomes": [{"column": "re78", "matters_from": 500.0}],
        "learners": ["glm"],
    }
    if name == "experiment":
        frame = _read(folder, "lalonde_nsw_dw")
        covariates = ["age", "educ", "black", "hisp", "marr", "nodegree", "re74", "re75"]
        keys["design"] = {"kind": "experiment"}
    else:
        frame, covariates = _survey(folder, name)
        keys |= {"target": "att", "overlap": {"rule": "trim"}, "folds": 5}
    return wi.study(frame, covariates=covariates, **keys).run(quick=True)


def text_of(answer: Answer) -> str:
    """Return the words of a page."""
    return " ".join(re.sub(r"<[^>]+>", " ", answer.html).split())


def check(answer: Answer, name: str) -> CheckResult:
    found: CheckResult = next(one for one in answer.checks if one.name == name)
    return found


@pytest.mark.parametrize("survey", SURVEYS)
def test_the_page_of_a_survey_says_that_the_evidence_is_weak_and_why(
    data_folder: Path, survey: str
) -> None:
    answer = asked(data_folder, survey)
    assert answer.verdict.decision.value in {"discuss", "do_not_roll_out", "not_worth_testing"}
    found = check(answer, "hidden_confounding")
    if found.status is Status.NOT_APPLICABLE:
        assert "holds zero" in found.finding
    else:
        assert found.status is Status.BROKE
        assert found.statistic is not None
        assert found.statistic < 0.01  # less than one percent erases the range
        assert any(reason.startswith("The hidden confounding check") for reason in
                   answer.verdict.reasons)  # fmt: skip
    page = text_of(answer)
    assert "nobody assigned the arms by chance" in page
    assert "It was not shown that adjustment made the arms alike" in page
    assert "Few units that got 0 are like those that got 1: the comparison rests on" in page
    assert "extrapolation" in page  # most of the survey resembles no trainee
    assert "Hidden causes: how strong one would have to be" in page
    table = {one.population: one for one in answer.populations()}
    assert table["everyone"].outside > 0.5


def test_the_page_of_the_experiment_says_none_of_it(data_folder: Path) -> None:
    answer = asked(data_folder, "experiment")
    page = text_of(answer)
    for words in (
        "nobody assigned the arms by chance",
        "It was not shown that adjustment",
        "extrapolation",
        "Hidden causes: how strong",
        "hidden confounding check broke",
        "the comparison rests on",
    ):
        assert words not in page
    assert check(answer, "hidden_confounding").status is Status.NOT_APPLICABLE
    with pytest.raises(wi.UsageError, match="no hidden cause can have steered it"):
        answer.sensitivity()


@pytest.mark.parametrize("survey", SURVEYS)
def test_a_small_share_of_what_was_measured_could_erase_the_surveys_estimate(
    data_folder: Path, survey: str
) -> None:
    answer = asked(data_folder, survey)
    row = answer.sensitivity(cf_y=0.05, cf_d=0.05).records[0]
    assert row.rv < 0.05
    assert row.bounds[0] < 0 < row.bounds[1]
