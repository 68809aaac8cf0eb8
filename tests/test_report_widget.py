"""The notebook widget: the page's own block and script, refused where it would be dishonest."""

from __future__ import annotations

import sys

import pytest

from tests.report_cases import checkout_spec
from tests.scenario_cases import scenario_text
from whatif.api.scenario_file import Scenario
from whatif.api.widget import module, widget
from whatif.base.errors import UsageError
from whatif.report.html import whatif_script
from whatif.report.measure import measures_of
from whatif.report.view_sliders import Names
from whatif.report.view_whatif import names_of


def test_the_widget_carries_the_block_in_the_words_of_the_study() -> None:
    pytest.importorskip("anywidget")
    spec = checkout_spec()
    names = names_of(spec, measures_of(spec, {}), trimmed=False)
    made = widget(scenario_text("device"), names)
    assert "Sessions that get expanded (%)" in made.html
    assert "more orders a month" in made.html
    assert made.html.startswith("<style>:host{")
    assert module().startswith(whatif_script())
    plain = Scenario.of(scenario_text("device")).widget()
    assert "Units that get expanded (%)" in plain.html


def test_without_anywidget_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "anywidget", None)
    with pytest.raises(UsageError, match="anywidget, which is not installed") as refused:
        widget(scenario_text("device"), Names(measures={}))
    assert "Why it matters: nothing else here draws" in str(refused.value)


def test_a_withheld_run_has_no_sliders() -> None:
    with pytest.raises(UsageError, match="was withheld") as refused:
        widget(scenario_text("device", withheld=True), Names(measures={}))
    assert "Why it matters: sliders would turn" in str(refused.value)
    assert "What to do: mend what the check found" in str(refused.value)
