"""The page of charts of one study: optional, drawn by one shared plotly file, tables beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from whatif.base.history import History
from whatif.contract.spec import StudySpec
from whatif.report.explore_charts import Chart, effect_charts, money_chart, trend_chart
from whatif.report.html import compact, environment
from whatif.report.measure import measures_of
from whatif.report.site.amounts import study_title
from whatif.report.site.rendering import assets
from whatif.report.site_mode import POLICY, asset_name
from whatif.scenarios.sheet.text import decode
from whatif.verdict import forms_wording, site_wording
from whatif.verdict.record import Decision

EXPLORE = "explore.html"
"""Name of the page, in the folder of its study."""


def explore_files(
    answer: Mapping[str, Any],
    spec: StudySpec,
    *,
    scenario: str | None = None,
    history: History | None = None,
) -> dict[str, bytes]:
    """Return the page of charts of one run and the shared files that it loads.

    Equal inputs give equal bytes. The page keeps the policy of all pages of a site: plotly's basic
    bundle runs under it, as nothing is compiled at run time and its style stands in a file.

    Parameters
    ----------
    answer : mapping
        What ``answer.json`` of the run holds.
    spec : StudySpec
        The study as the run knew it.
    scenario : str, optional
        Text of its ``scenario.json``, for the curve of money.
    history : History, optional
        Runs that readers may see, for the estimates over time.

    Returns
    -------
    dict of str to bytes
        Names beginning with ``assets/`` stand in the root of the site, ``explore.html`` in the
        folder of the study. Empty where the verdict is withheld: there is nothing to explore.
    """
    if answer["verdict"]["decision"] == Decision.CANNOT_BE_TRUSTED:
        return {}
    by_name = measures_of(spec, _kinds(answer))
    found = [
        *effect_charts(answer["effects"], by_name),
        None if history is None else trend_chart(history),
        None if scenario is None else money_chart(decode(scenario), json.loads(scenario), spec),
    ]
    charts = [chart for chart in found if chart is not None]
    own = _own_files()
    style, script, plotly = own
    page = (
        environment()
        .get_template("explore.html.j2")
        .render(
            root="../",
            heading=study_title(answer["study"]),
            csp=POLICY,
            assets=assets(),
            words=site_wording,
            explore=forms_wording,
            style=style,
            script=script,
            plotly=plotly,
            charts=charts,
            data=json.dumps([_drawn(chart) for chart in charts], ensure_ascii=False),
        )
    )
    return {**assets().files, **own, EXPLORE: f"{compact(page)}\n".encode()}


def _kinds(answer: Mapping[str, Any]) -> dict[str, str]:
    """Return which outcomes are shares although the study does not say so: their models know."""
    return {q["target"]: "binary" for q in answer["quality"] if q["loss_name"] == "log loss"}


def _drawn(chart: Chart) -> dict[str, Any]:
    return {
        "traces": chart.traces,
        "shapes": chart.shapes,
        "xaxis": chart.xaxis,
        "yaxis": chart.yaxis,
        "height": chart.height,
    }


@cache
def _own_files() -> dict[str, bytes]:
    folder = files("whatif.report")
    style = compact((folder / "templates" / "explore.css").read_text(encoding="utf-8")).encode()
    script = (folder / "templates" / "explore.min.js").read_bytes()
    plotly = (folder / "vendored" / "plotly-basic.min.js").read_bytes()
    return {
        asset_name("explore", "css", style): style,
        asset_name("explore", "js", script): script,
        asset_name("plotly-basic", "min.js", plotly): plotly,
    }
