"""Sentences of a calibration: what was drawn, how to read its tables, how to get one."""

from __future__ import annotations

NO_CALIBRATION = (
    "The pipeline was not tried on this study's own rows: no calibration of this study and these "
    "data was found. whatif calibrate, with the study file and the same folder of runs, makes one; "
    "the next run shows it."
)
EXPERIMENT = (
    "Whole units of assignment got new arms by the study's own chances and kept their real "
    "outcomes, so that nothing has an effect; effects of known size were planted on top."
)
OBSERVATIONAL = (
    "Rows kept their real outcomes and got new arms by the fitted chances, so that nothing has an "
    "effect; effects of known size were planted on top. Under as fitted, outcomes were moved along "
    "the fitted models to the arm that was drawn. True if the measured covariates suffice: what "
    "was not measured cannot be seen here."
)
COVERAGE = (
    "How often the range held the truth, which is the mean of the rows that were drawn from. A "
    "band counts only where it held the truth of every segment at once."
)
READINGS = (
    "How often the overall effect was read with each word, at one look. With nothing planted, "
    "better and worse are false alarms."
)
ALARMS = (
    "How often a check broke. With nothing planted that is a false alarm, unless the check is "
    "about columns that were drawn as they are. A check could run where it held or broke."
)
NO_THRESHOLD = "No effect was planted, because the study names no matters_from."


def drawn_sentence(
    *,
    draws: int,
    failed: int,
    rows: str,
    of_rows: str,
    clusters: str,
    learners: str,
) -> str:
    """Return what was drawn how often, and with which models."""
    lost = f" {failed} of them gave no answer and are not counted." if failed else ""
    return (
        f"{draws} times, {clusters} were drawn with replacement from {rows} of the study's "
        f"{of_rows} rows, and the study's own pipeline was run on them with the {learners}.{lost}"
    )


def planted_head(world: str, effect: str) -> str:
    """Return the head of a column: the effect that was planted in a world.

    Examples
    --------
    >>> planted_head("nothing", "0"), planted_head("twice", "0.004"), planted_head("as_fitted", "")
    ('Nothing planted', 'Planted 0.004', 'As fitted')
    """
    heads = {"nothing": "Nothing planted", "as_fitted": "As fitted"}
    return heads.get(world, f"Planted {effect}")
