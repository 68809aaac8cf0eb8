"""Which EconML estimators a study may name, and why it may not name the others."""

from __future__ import annotations

from whatif.base.errors import Problem, UsageError, did_you_mean

PREFIX = "econml."
AVERAGE = (
    "CausalForestDML",
    "DML",
    "DRLearner",
    "DomainAdaptationLearner",
    "ForestDRLearner",
    "KernelDML",
    "LinearDML",
    "LinearDRLearner",
    "NonParamDML",
    "SLearner",
    "SparseLinearDML",
    "SparseLinearDRLearner",
    "TLearner",
    "XLearner",
)
_INSTRUMENT = "needs an instrument: a study of design `encouragement`"
_POLICY = "learns a policy, not an average effect"
_RESIDUALS = "works on residuals that other estimators make: name CausalForestDML"
_LOCAL = "fits one model per row, too slow for a second opinion: name CausalForestDML"
_NOT_AVERAGE = {
    **dict.fromkeys(
        (
            "OrthoIV", "DMLIV", "NonParamDMLIV", "DRIV", "LinearDRIV", "SparseLinearDRIV",
            "ForestDRIV", "IntentToTreatDRIV", "LinearIntentToTreatDRIV", "SieveTSLS",
            "CausalIVForest",
        ),
        _INSTRUMENT,
    ),
    **dict.fromkeys(("PolicyTree", "PolicyForest", "DRPolicyTree", "DRPolicyForest"), _POLICY),
    **dict.fromkeys(("CausalForest", "RegressionForest", "MultiOutputGRF"), _RESIDUALS),
    **dict.fromkeys(("DMLOrthoForest", "DROrthoForest"), _LOCAL),
    "DynamicDML": "needs treatments that repeat over time: a panel, which no design here reads yet",
}  # fmt: skip


def econml_class(name: str) -> str:
    """Return the EconML class that `name` of a study's `estimators` stands for.

    Parameters
    ----------
    name : str
        ``"econml.LinearDML"``; the module may be spelled out (``"econml.dml.LinearDML"``).

    Raises
    ------
    UsageError
        If EconML has no such estimator, or it answers another question.

    Examples
    --------
    >>> econml_class("econml.dml.LinearDML")
    'LinearDML'
    """
    last = name.rsplit(".", maxsplit=1)[-1]
    if name.startswith(PREFIX) and last in AVERAGE:
        return last
    if name.startswith(PREFIX) and last in _NOT_AVERAGE:
        raise UsageError(
            Problem(
                what=f"Estimator {name!r} {_NOT_AVERAGE[last]}.",
                why="a second opinion must answer the study's own question.",
                fix=f"choose among {', '.join(AVERAGE)}, each after {PREFIX!r}.",
            )
        )
    known = ["aipw", *(PREFIX + known for known in AVERAGE)]
    raise UsageError(
        Problem(
            what=f"Estimator {name!r} is not known; {did_you_mean(name, known)}",
            why="an estimator that was asked for and left out would look like agreement.",
            fix="correct the name under `estimators`.",
        )
    )
