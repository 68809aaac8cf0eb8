"""The doubly robust score as a function of arrays."""

from __future__ import annotations

import numpy as np

from whatif.base.arrays import Floats, Ints


def aipw_scores(*, y: Floats, arm: Ints, mean: Floats, propensity: Floats) -> Floats:
    """Combine out-of-fold predictions into one score per unit, arm and outcome.

    ``Γ[i,a,k] = m[i,a,k] + 1{T[i] = a} / e[i,a] · (y[i,k] − m[i,a,k])``: its mean over units is
    the mean outcome had everyone got arm a, unbiased to first order in the errors of m and e.

    Parameters
    ----------
    y : ndarray, shape (n, K)
        Observed outcomes.
    arm : ndarray of int, shape (n,)
        Arm each unit got, 0 … A − 1.
    mean : ndarray, shape (n, A, K)
        Predicted outcome under each arm.
    propensity : ndarray, shape (n, A)
        Chance of each arm, strictly positive.

    Returns
    -------
    ndarray, shape (n, A, K)
        Scores in the outcome's unit.

    References
    ----------
    Robins, Rotnitzky & Zhao (1994), JASA 89(427), 846–866; Chernozhukov et al. (2018), The
    Econometrics Journal 21(1), C1–C68, section 5.1.

    Examples
    --------
    >>> y, arm = np.array([[1.0], [3.0]]), np.array([0, 1])
    >>> flat = np.zeros((2, 2, 1))
    >>> aipw_scores(y=y, arm=arm, mean=flat, propensity=np.full((2, 2), 0.5))[:, :, 0]
    array([[2., 0.],
           [0., 6.]])
    """
    rows = np.arange(arm.size)
    gamma = np.array(mean, dtype=np.float64)
    own = gamma[rows, arm, :]
    gamma[rows, arm, :] = own + (y - own) / propensity[rows, arm, None]
    return gamma
