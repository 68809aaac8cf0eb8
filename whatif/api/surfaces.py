"""Whom an arm helps: predicted effects of single units, and tests of the predictions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from whatif.api.tables import RecordTable

if TYPE_CHECKING:
    from whatif.contract.spec import StudySpec
    from whatif.run.effect_question import Question
    from whatif.scores.cate import Cate
    from whatif.scores.record import Scores


class Surfaces:
    """What an answer says about single units; its scores and study come from the answer."""

    __slots__ = ()

    if TYPE_CHECKING:
        scores: Scores
        spec: StudySpec

    def cate(self, outcome: str | None = None, *, final: str = "causal_forest") -> Cate:
        """Return the predicted effect of every unit, from models that never saw its cluster.

        Predictions alone show nothing: `ranking` and `calibration` test them.

        Parameters
        ----------
        outcome : str, optional
            An outcome column; the primary metric by default.
        final : str
            How effects are learned from covariates: ``"causal_forest"``, ``"score_forest"`` or
            ``"linear"``. Forests learn from at most 100,000 rows, drawn by cluster.

        Raises
        ------
        UsageError
            If the outcome or surface is unknown or a ratio, or the target is not ``"ate"``.
        EstimationError
            If effects cannot be learned from these data.
        """
        from whatif.run import heterogeneity

        return heterogeneity.cate(self._asked(outcome, final))

    def ranking(self, outcome: str | None = None, *, final: str = "causal_forest") -> RecordTable:
        """Test whether giving the arm first to those predicted to gain most gains more.

        AUTOC and Qini, each fold ranked by models from the folds before it, clustered errors, two
        sides. Parameters and errors as in `cate`.
        """
        from whatif.run import heterogeneity

        return RecordTable(
            title="Does ranking by predicted effect work?",
            note="Rank-weighted average effects on held-out folds; positive is better. "
            "Not significant is no evidence that it works, not proof that effects are equal.",
            records=heterogeneity.ranking(self._asked(outcome, final)),
            shown=("arm", "measure", "estimate", "std_error", "ci", "p_value", "works"),
        )

    def ranking_curve(
        self, outcome: str | None = None, *, final: str = "causal_forest"
    ) -> RecordTable:
        """Return the gain among those ranked first, by the share that gets the arm.

        A picture only; `ranking` is the test. Parameters and errors as in `cate`.
        """
        from whatif.run import heterogeneity

        return RecordTable(
            title="Gain among those ranked first",
            note="A picture only: predictions of all folds are pooled, which no test survives.",
            records=heterogeneity.curve(self._asked(outcome, final)),
            shown=("arm", "share", "gain"),
        )

    def calibration(
        self, outcome: str | None = None, *, final: str = "causal_forest"
    ) -> RecordTable:
        """Test whether effects follow their predictions: slope 1 is right, 0 says nothing.

        Each fold is predicted by models from the folds before it. Parameters and errors as in
        `cate`.
        """
        from whatif.run import heterogeneity

        return RecordTable(
            title="Do effects follow their predictions?",
            note="Slope of effects on held-out predictions; clustered errors.",
            records=heterogeneity.calibration(self._asked(outcome, final)),
            shown=("arm", "slope", "std_error", "ci", "p_value", "informative"),
        )

    def sorted_groups(
        self, outcome: str | None = None, *, final: str = "causal_forest"
    ) -> RecordTable:
        """Return average effects of five groups, from predicted to gain least to most.

        Medians over 21 splits of the clusters in halves, with intervals that count the choice of a
        split. Parameters and errors as in `cate`.
        """
        from whatif.run import heterogeneity

        return RecordTable(
            title="Groups sorted by predicted effect",
            note="One half learns, the other is sorted; medians over splits, wide on purpose.",
            records=heterogeneity.sorted_groups(self._asked(outcome, final)),
            shown=("arm", "group", "predicted", "estimate", "ci", "p_value"),
        )

    def _asked(self, outcome: str | None, final: str) -> Question:
        from whatif.run.effect_question import question

        return question(self.scores, self.spec, outcome=outcome, final=final)

    def projection(self, on: str | Sequence[str], *, outcome: str | None = None) -> RecordTable:
        """Return the best linear projection of the effect on pre-treatment columns.

        Parameters
        ----------
        on : str or sequence of str
            Columns kept with the run; words are compared with their most frequent level.
        outcome : str, optional
            An outcome column; the primary metric by default.

        Raises
        ------
        UsageError
            If a column was not kept, the outcome is unknown or a ratio, or the target is not
            ``"ate"``.
        EstimationError
            If a column is constant or repeats the others.
        """
        from whatif.run import heterogeneity

        columns = (on,) if isinstance(on, str) else tuple(on)
        return RecordTable(
            title="Which columns does the effect move with?",
            note="Linear projection of the effect; clustered errors. A description: columns that "
            "move together share the credit.",
            records=heterogeneity.projection(self.scores, self.spec, on=columns, outcome=outcome),
            shown=("arm", "term", "estimate", "std_error", "ci", "p_value"),
        )
