"""Bounds for hidden causes as a table that can be drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from whatif.api.tables import RecordTable

if TYPE_CHECKING:
    from whatif.effects.sensitivity.record import Benchmark, HiddenCause


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class SensitivityTable(RecordTable):
    """Bounds on effects at stated strengths of a hidden cause.

    Attributes
    ----------
    about : tuple of HiddenCause
        The effects, one an arm, with everything that any other strength needs.
    benchmarks : tuple of Benchmark
        Measured covariates that serve as a yardstick, strongest first.
    """

    about: tuple[HiddenCause, ...]
    benchmarks: tuple[Benchmark, ...]

    def plot(self) -> Any:  # noqa: ANN401  (a plotly figure)
        """Return a contour of the bound next to zero, by strength on outcome and weights."""
        from whatif.report.plotly_figures import hidden_cause_figure

        return hidden_cause_figure(self.about[0], self.benchmarks)
