"""Sentences about hidden causes: how strong one would have to be, and what strength means."""

from __future__ import annotations

from whatif.verdict.wording import plain, readable

TITLE = "Hidden causes: how strong one would have to be"
STRENGTH = (
    "A hidden cause moves an effect only if it moves both sides. On the outcome its strength is "
    "the share it explains of what covariates and arm leave open. On the arm it is its share of "
    "the variation of the weights that make the arms comparable (one over the chance of the arm); "
    "that is not a share of the arm's own variation. Both are counted as equal in the first table."
)
E_VALUE = (
    "E-value: the risk ratio by which a hidden cause would have to go with the arm and with the "
    "outcome to explain the effect. A star marks outcomes that are not yes or no, where it rests "
    "on an approximation (one standard deviation counts as a risk ratio of 2.5)."
)
BOUNDS = (
    "Where the effect could lie if there were a hidden cause of this strength that works in the "
    "worst direction. The range around it is one-sided at each end and made for a single look."
)
BENCHMARKS = (
    "\u201cAs strong as\u201d a covariate: what leaving it out takes from the models, which were "
    "trained again on a sample without it."
)
PICTURE = "Solid: the effect is zero. Dashed: its range reaches zero. Dots: measured covariates."
ACROSS = "of the weights"
UP = "of the outcome"
_NEARLY, _MOST_TIMES = 0.8, 100.0
ONE_LOOK = "These ranges are made for a single look."


def picture_title(metric: str) -> str:
    """Return the title of the contour drawing."""
    return f"Hidden causes that would erase the effect on {metric}"


def picture_description(*, zero: str, edge: str, drawn: int) -> str:
    """Return the text alternative of the contour drawing."""
    dots = f" {drawn} measured covariates are drawn as dots." if drawn else ""
    return (
        f"A cause above and right of the solid line, {zero} on both sides, could bring the effect "
        f"to zero; beyond the dashed line, {edge} on both sides, it could bring its range there."
        f"{dots} The tables hold the numbers."
    )


def as_strong_as(covariate: str) -> str:
    """Return the row head of a benchmark."""
    return f"as strong as {covariate}"


def would_change_hidden_strength(
    treatment: str, name: str, *, strength: float, like: str | None = None, times: float = 1.0
) -> str:
    """Name a common cause that was not measured, as strong as it would have to be.

    Parameters
    ----------
    treatment, name : str
        Columns of treatment and outcome.
    strength : float
        Share of what is left open that it must explain.
    like : str, optional
        A measured covariate to compare it with.
    times : float
        The strength as a multiple of that covariate's; up to 1 the covariate is strong enough.

    Examples
    --------
    >>> would_change_hidden_strength("ad", "sales", strength=0.0312)
    'Something not measured that drives both ad and sales and explains 3.1 % of what is left open.'
    """
    both = f"Something not measured that drives both {plain(treatment)} and {plain(name)}"
    share = f"{100 * strength:.2g} % of what is left open"
    if like is None:
        return f"{both} and explains {share}."
    if times > 1.0:
        often = f"about {max(times, 1.1):.1f}" if times <= _MOST_TIMES else "more than 100"
        return (
            f"{both}: it would have to be {often} times as strong as {plain(like)}, the strongest "
            f"cause that was measured ({share})."
        )
    enough = "would be enough" if times > _NEARLY else "would be more than enough"
    return f"{both}: a cause as strong as {plain(like)} {enough} ({share} would do)."


def thin_reason(side: str, *, other: str, effective: float, clusters: int) -> str:
    """Say that few units of one side resemble those of the other."""
    return (
        f"Few units that got {readable(side)} are like those that got {readable(other)}: the "
        f"comparison rests on the equivalent of {effective:,.0f} of the {clusters:,} there are."
    )
