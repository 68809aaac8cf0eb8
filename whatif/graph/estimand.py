"""What is estimated and on which assumptions: the record the graph room returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimand:
    """An *identified* effect; an effect that is not identified is an exception instead.

    Attributes
    ----------
    treatment : str
        Treatment column.
    outcomes : tuple of str
        Outcome columns.
    adjustment : tuple of str
        Columns adjusted for, sorted. Empty means "nothing is needed".
    assumptions : tuple of str
        Plain sentences the answer rests on.
    source : str
        ``"graph"`` when a graph was given, ``"covariates"`` when every covariate is taken
        as a common cause, ``"randomised"`` when the design alone identifies the effect.
    edges : tuple of (str, str)
        Arrows of the graph, sorted; what the page draws.
    hidden : tuple of str
        Nodes of the graph that the data do not measure.
    """

    treatment: str
    outcomes: tuple[str, ...]
    adjustment: tuple[str, ...]
    assumptions: tuple[str, ...]
    source: Literal["graph", "covariates", "randomised"]
    edges: tuple[tuple[str, str], ...]
    hidden: tuple[str, ...]

    @property
    def unadjusted(self) -> bool:
        """Whether past data are compared as they are: nothing randomised, nothing adjusted for."""
        return self.source == "covariates" and not self.adjustment
