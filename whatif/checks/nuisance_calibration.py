"""Are models wrong where it hurts: does the product of their errors bias the answer?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy import special

from whatif.base.arrays import Floats, Ints
from whatif.checks.assignment import first_rows
from whatif.checks.conclude import amount, conclude
from whatif.checks.evidence import Evidence
from whatif.checks.refitting import clustered_variance
from whatif.checks.result import CheckResult, Cost, Detail, Status
from whatif.effects.bands import t_critical
from whatif.effects.stepdown import holm
from whatif.scores.record import Scores
from whatif.scores.surfaces import outcome_means

LEVEL = 0.01
MATERIAL = 0.25  # of the effect's standard error: coverage of a 95 % range falls by less than 1 %
SEEN = 1.0  # a bias of one standard error brings coverage of 95 % to 83 %
LOPSIDED = 4.0  # equal errors would be easiest to see
FEWEST_CLUSTERS = 50
TINY = 1e-9
_TWO = 2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Correction:
    """What correcting the chance of one arm does to the mean outcome of that arm.

    Attributes
    ----------
    bias : float
        Estimate minus corrected estimate, in the outcome's unit.
    influence : ndarray, shape (n,)
        Influence values of `bias`.
    noise : float
        Product of the clustered errors of the two factors, along a line or a curve.
    """

    bias: float
    influence: Floats
    noise: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """The product of both models' errors in one effect, and the effect's own error.

    Attributes
    ----------
    outcome, arm : str
        Which effect.
    n : int
        Units behind it.
    effect, std_error : float
        Arm minus control and its clustered error.
    bias, bias_error : float
        Effect minus corrected effect, and its clustered error.
    noise : float
        As in `Correction`, added up over the two arms.
    """

    outcome: str
    arm: str
    n: int
    effect: float
    std_error: float
    bias: float
    bias_error: float
    noise: float

    @property
    def ratio(self) -> float:
        """The bias in standard errors of the effect."""
        return self.bias / self.std_error

    def p_value(self, df: int) -> float:
        """Two-sided p-value of a bias of 0; 1 where nothing moves."""
        if not self.bias_error > 0:
            return 1.0
        return 2 * float(special.stdtr(df, -abs(self.bias) / self.bias_error))

    def visible(self, critical: float) -> float:
        """Bias that is seen half the time, in standard errors of the effect.

        Where one model misses τ of its errors and the other `LOPSIDED` times as many, the product
        is LOPSIDED · τ² `noise` and its error √(1 + LOPSIDED²) · τ `noise`.
        """
        least = (1 + LOPSIDED**2) / LOPSIDED * critical**2 * self.noise
        return max(least / self.std_error, MATERIAL)


def curve(values: Floats, *, fold: Ints, weight: Floats) -> Floats:
    """Return a constant, the values and their squares, shape (n, 3).

    Values and squares have mean 0 within every fold, whose predictions come from models of their
    own, and unit spread; zeros where they do not vary.
    """
    line = _standardised(values, fold, weight)
    return np.column_stack([np.ones(values.size), line, _standardised(line**2, fold, weight)])


def project(missed: Floats, terms: Floats, weight: Floats) -> tuple[Floats, Floats]:
    """Return least-squares coefficients of `missed` on `terms`, and their influence values.

    Parameters
    ----------
    missed : ndarray, shape (n,)
        Observed minus predicted.
    terms : ndarray, shape (n, q)
    weight : ndarray, shape (n,)
        0 leaves a unit out.

    Returns
    -------
    coefficients : ndarray, shape (q,)
    influence : ndarray, shape (n, q)

    Examples
    --------
    >>> project(np.array([1.0, 3.0]), np.ones((2, 1)), np.ones(2))[0]
    array([2.])
    """
    n = missed.size
    inverse = np.linalg.pinv(terms.T @ (weight[:, None] * terms) / n, hermitian=True)
    coefficients = inverse @ (terms.T @ (weight * missed)) / n
    left = weight * (missed - terms @ coefficients)
    return coefficients, (left[:, None] * terms) @ inverse


def product_of_errors(
    *, got: Floats, chance: Floats, y: Floats, mean: Floats, fold: Ints, weight: Floats,
    cluster: Ints,
) -> Correction:  # fmt: skip
    """Return how far one arm's doubly robust mean is off by what both models got wrong.

    With predictions ê and m̂ that a unit's cluster did not teach, the mean of arm a is off by
    ``E[(ê − e)/ê · (m̂ − m)]``. What each model missed is estimated by a curve through its own
    residuals: ``1{T = a} − ê`` on the log odds of ê and their square, and ``Y − m̂`` of the units
    that got the arm on m̂ and its square. A straight line would see nothing: least squares and
    maximum likelihood leave none. Being a product, the bias is 0 as soon as one model is right;
    its error is that of the delta method.

    Parameters
    ----------
    got : ndarray of 0 and 1, shape (n,)
        Whether the unit got the arm.
    chance, mean : ndarray, shape (n,)
        Predicted chance of the arm, strictly between 0 and 1, and predicted outcome under it.
    y : ndarray, shape (n,)
        Observed outcome.
    fold, cluster : ndarray of int64, shape (n,)
        Fold of the predictions; dense codes of who repeats.
    weight : ndarray, shape (n,)
        Sampling weights of mean 1.

    References
    ----------
    Chernozhukov et al. (2018), The Econometrics Journal 21(1), C1–C68, section 2: the remainder is
    the product of two errors; Sobel (1982), Sociological Methodology 13, 290–312: the delta method
    for a product.
    """
    chance_terms = curve(special.logit(chance), fold=fold, weight=weight)
    mean_terms = curve(mean, fold=fold, weight=weight)
    alpha, of_alpha = project(got - chance, chance_terms, weight)
    beta, of_beta = project(y - mean, mean_terms, weight * got)
    cross = chance_terms.T @ ((weight / chance)[:, None] * mean_terms) / y.size
    bias = float(alpha @ cross @ beta)
    here = weight * (chance_terms @ alpha) * (mean_terms @ beta) / chance - bias
    return Correction(
        bias=bias,
        influence=here + of_alpha @ (cross @ beta) + of_beta @ (cross.T @ alpha),
        noise=max(
            abs(float(cross[j, j])) * clustered_variance(of_alpha[:, j], cluster) ** 0.5
            * clustered_variance(of_beta[:, j], cluster) ** 0.5
            for j in (1, 2)
        ),
    )  # fmt: skip


class NuisanceCalibration:
    """Correct predictions by what happened, and see how far each effect moves (decision 25).

    Large data always show models to be a little off; what matters is the product of the errors of
    chances and outcomes, the only way in which they bias a doubly robust answer. It counts when it
    is beyond luck (clustered, .01, Holm over outcomes and arms) and more than a quarter of the
    effect's standard error. The statistic is the smallest p-value of one that is that large.
    """

    code: ClassVar[str] = "WI-CAL-01"
    name: ClassVar[str] = "nuisance_calibration"
    cost: ClassVar[Cost] = Cost.VIEW
    integrity: ClassVar[bool] = False
    what: ClassVar[str] = (
        "Whether correcting predicted chances and outcomes by what happened to units that the "
        "models had not seen moves an effect."
    )
    why: ClassVar[str] = (
        "Chances and outcomes that are both predicted wrong, in the same places, bias the answer "
        "by the product of the two errors."
    )
    blind: ClassVar[str] = (
        "Errors that do not rise, fall or bend with the prediction itself, and everything that was "
        "not measured."
    )
    fix: ClassVar[str] = (
        "Let other learners compete (`learners`), give them the covariates in the form that "
        "matters, or use `overlap: {rule: trim}`; until then the range is too narrow."
    )

    def run(self, evidence: Evidence) -> CheckResult:
        """Test the product of both models' errors, outcome by outcome and arm by arm."""
        scores = evidence.scores
        reason = _not_applicable(evidence)
        if reason:
            return conclude(self, Status.NOT_APPLICABLE, reason)
        if len(scores.repeats) > 1:
            why = "Scores average several drawings of the folds; no single prediction is kept."
            return conclude(self, Status.DID_NOT_RUN, why)
        first, cluster = first_rows(scores.cluster, np.arange(scores.n))
        if first.size < FEWEST_CLUSTERS:
            found = f"{first.size} clusters, {FEWEST_CLUSTERS} needed"
            return conclude(self, Status.DID_NOT_RUN, f"Too little data: {found}.")
        products = tuple(_products(scores, cluster))
        if not products:
            why = "No effect varies, so there is no error to hold a bias against."
            return conclude(self, Status.DID_NOT_RUN, why)
        return self._judged(products, first.size - 1, evidence.spec.level)

    def _judged(self, products: tuple[Product, ...], df: int, level: float) -> CheckResult:
        adjusted = holm([product.p_value(df) for product in products])
        serious = [
            float(p)
            for p, product in zip(adjusted, products, strict=True)
            if abs(product.ratio) > MATERIAL
        ]
        p_value = min(serious, default=1.0)
        worst = max(products, key=lambda product: abs(product.ratio))
        critical = t_critical(1 - LEVEL / len(products), df)
        visible = max(product.visible(critical) for product in products)
        moved = (
            f"Correcting the predictions moves {worst.outcome} ({worst.arm}) most, from "
            f"{amount(worst.effect)} to {amount(worst.effect - worst.bias)} "
            f"({amount(abs(worst.ratio))} standard errors)"
        )
        if p_value < LEVEL:
            status, seen = Status.BROKE, "luck does not explain it"
        elif visible > SEEN:
            status = Status.DID_NOT_RUN
            seen = f"too little data: only {amount(visible)} or more could have been seen"
        else:
            status, seen = Status.HELD, f"{amount(visible)} could have been seen"
        return conclude(
            self,
            status,
            f"{moved}; {seen}.",
            statistic=p_value,
            threshold=LEVEL,
            details=tuple(_line(product, t_critical(level, df)) for product in products),
        )


def _not_applicable(evidence: Evidence) -> str | None:
    scores, design = evidence.scores, evidence.design
    if design.kind == "experiment":
        return (
            "Chances follow from the assignment and not from a model, so wrong predictions of "
            "outcomes widen ranges and cannot bias an effect."
        )
    if not design.features.names:
        return "No covariate is adjusted for, so nothing was predicted."
    if scores.target == "overlap":
        return "With `target: overlap` corrected chances speak of another population."
    if scores.target == "att" and (len(scores.arms) > _TWO or scores.residual is None):
        return "With `target: att` and several arms no single chance decides."
    return None


def _products(scores: Scores, cluster: Ints) -> Iterator[Product]:
    """Yield the product of errors of every outcome and arm whose effect varies."""
    weight = scores.weight / scores.weight.mean()
    mass = float(weight @ scores.mass) / scores.n
    means = _predicted(scores)
    for k, outcome in enumerate(scores.outcomes):
        made = {a: _of_arm(scores, mean[:, k], cluster, arm=a, k=k) for a, mean in means.items()}
        for a, label in enumerate(scores.arms[1:], start=1):
            pairs = [(sign, made[b]) for sign, b in ((1.0, a), (-1.0, 0)) if b in made]
            difference = scores.gamma[:, a, k] - scores.gamma[:, 0, k]
            effect = float(weight @ difference) / scores.n / mass
            own = weight * (difference - effect * scores.mass) / mass
            std_error = clustered_variance(own, cluster) ** 0.5
            if not std_error > 0:
                continue
            moved = np.sum([sign * one.influence for sign, one in pairs], axis=0) / mass
            yield Product(
                outcome=outcome,
                arm=label,
                n=scores.n,
                effect=effect,
                std_error=std_error,
                bias=sum(sign * one.bias for sign, one in pairs) / mass,
                bias_error=clustered_variance(moved, cluster) ** 0.5,
                noise=sum(one.noise for _, one in pairs) / mass,
            )


def _predicted(scores: Scores) -> dict[int, Floats]:
    """Return predicted outcomes, shape (n, K), of the arms whose chance an effect depends on."""
    if scores.target == "att" and scores.residual is not None:
        control = (scores.arm == 0)[:, None]
        return {0: np.where(control, scores.y - scores.residual, scores.gamma[:, 0])}
    mean = outcome_means(
        gamma=scores.gamma, y=scores.y, arm=scores.arm, propensity=scores.propensity
    )
    return {a: mean[:, a] for a in range(len(scores.arms))}


def _of_arm(scores: Scores, mean: Floats, cluster: Ints, *, arm: int, k: int) -> Correction:
    weight, chance = scores.weight / scores.weight.mean(), scores.propensity[:, arm]
    return product_of_errors(
        got=(scores.arm == arm).astype(np.float64),
        chance=chance,
        y=scores.y[:, k],
        mean=mean,
        fold=scores.fold,
        weight=weight,
        cluster=cluster,
    )


def _standardised(values: Floats, fold: Ints, weight: Floats) -> Floats:
    total = np.bincount(fold, weights=weight)
    centre = np.zeros(total.size)
    np.divide(np.bincount(fold, weights=weight * values), total, out=centre, where=total > 0)
    away = values - centre[fold]
    spread = float(np.sqrt(weight @ away**2 / weight.sum()))
    return away / spread if spread > TINY * np.abs(values).max() else np.zeros(values.size)


def _line(product: Product, critical: float) -> Detail:
    estimate, half = product.effect - product.bias, critical * product.std_error
    return Detail(
        name="with corrected predictions",
        outcome=product.outcome,
        arm=product.arm,
        n=product.n,
        estimate=estimate,
        ci=(estimate - half, estimate + half),
    )
