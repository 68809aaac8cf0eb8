"""The decision rule of one arm, once integrity, freshness and timing are settled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from whatif.verdict.record import Decision, Reading

GOOD = frozenset({Reading.BETTER, Reading.BETTER_PERHAPS})
BAD = frozenset({Reading.WORSE, Reading.WORSE_PERHAPS})
# A guardrail without a limit is read by its direction, so these count as within.
WITHIN = frozenset({Reading.WITHIN_LIMIT, Reading.NO_DIFFERENCE}) | GOOD
_PAST_DATA = {
    Decision.ROLL_OUT: Decision.WORTH_TESTING,
    Decision.DO_NOT_ROLL_OUT: Decision.NOT_WORTH_TESTING,
}


def decide_arm(
    primary: Reading,
    guardrails: Sequence[Reading],
    *,
    rollout_if: Literal["better", "not_worse"],
    net_value: Reading | None = None,
) -> Decision:
    """Decide about one arm of a randomised test; the first rule that fits wins.

    Parameters
    ----------
    primary : Reading
        Overall reading of the primary metric.
    guardrails : sequence of Reading
        Overall readings of the guardrails.
    rollout_if : {"better", "not_worse"}
        Whether no difference that matters is enough.
    net_value : Reading or None
        Reading of the money per unit, where one was estimated.

    Returns
    -------
    Decision
        Roll out, do not roll out, or discuss.

    Examples
    --------
    >>> decide_arm(Reading.BETTER, [Reading.WITHIN_LIMIT], rollout_if="better").value
    'roll_out'
    """
    within = all(reading in WITHIN for reading in guardrails)
    if Reading.OVER_LIMIT in guardrails or primary in BAD:
        return Decision.DO_NOT_ROLL_OUT
    if Reading.WORSE_LIMIT_NOT_RULED_OUT in guardrails and net_value is not Reading.BETTER:
        return Decision.DO_NOT_ROLL_OUT
    if primary in GOOD and within:
        return Decision.ROLL_OUT
    if primary is Reading.NO_DIFFERENCE:
        harmless = rollout_if == "not_worse" and within
        return Decision.ROLL_OUT if harmless else Decision.DO_NOT_ROLL_OUT
    return Decision.DISCUSS


def from_past_data(decision: Decision, *, adjusted: bool = True) -> Decision:
    """Return the most that evidence short of a randomised test can say.

    A plain comparison, with nothing adjusted for, settles nothing either way.

    Examples
    --------
    >>> from_past_data(Decision.ROLL_OUT).value
    'worth_testing'
    """
    if not adjusted:
        return Decision.DISCUSS
    return _PAST_DATA.get(decision, decision)
