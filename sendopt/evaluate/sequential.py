"""Intervals and tests that hold at every look, so that a report may be read every day.

A 95 % interval of one look misses the truth far more often than in one of twenty once somebody
watches it daily and stops at the first good day. Those here hold at all looks together.
"""

from __future__ import annotations

from math import exp, lgamma, log, sqrt

from sendopt.evaluate.chance import z_beyond

#: Where the interval is tightest: for effects of about two points, once they can be told from 0.
#: It must be fixed before anybody looks, so it is no setting and follows no wish.
SCALE = 0.02

_ALPHA = 0.05
_LEAST_SHARE = 1e-9  # of an effect's square, below the variance that any power asks for


def radius(variance: float) -> float:
    """Return the half width of the 95 % confidence sequence of an estimate of this variance.

    Robbins' normal mixture in information time: with V the variance of the estimate at a look,
    the interval estimate ± sqrt(V (1 + V/s²) log((1 + s²/V) / alpha²)), s the scale, holds at all
    looks together if the estimate is asymptotically normal with independent increments
    (Waudby-Smith et al. 2021, arXiv 2103.06476, Theorem 2.2; as a test, the mixture SPRT).

    >>> round(radius(0.005**2) / 0.005, 2)  # where one look would take 1.96
    3.06
    """
    ratio = variance / SCALE**2
    return sqrt(variance * (1.0 + ratio) * log((1.0 + 1.0 / ratio) / _ALPHA**2))


def resolving_variance(effect: float, *, power: float = 0.8) -> float:
    """Return the variance at which one look tells an effect from 0 with this probability.

    Looking more often finds it sooner, so this is on the safe side.

    Args:
        effect: absolute difference of shares, above 0.
        power: 0..1.
    """
    from scipy.optimize import brentq  # noqa: PLC0415 - as in `chance`

    quantile = z_beyond(1.0 - power)

    def beyond(share: float) -> float:
        """Return how far above 0 an interval ends at this share of the effect's square."""
        variance = share * effect**2
        return (radius(variance) + quantile * sqrt(variance)) / effect - 1.0

    return float(brentq(beyond, _LEAST_SHARE, 1.0, xtol=1e-15)) * effect**2


def ratio_p_value(hits: int, count: int, share: float) -> float:
    """Return how surprising `hits` of `count` are if each is one with probability `share`.

    A p-value that may be looked at after every user: the reciprocal of the evidence against
    `share` of a uniform mixture over all other shares (Lindon and Malek 2022, arXiv 2011.03567).

    >>> ratio_p_value(100, 1000, 0.1)
    1.0
    >>> ratio_p_value(150, 1000, 0.1) < 0.001
    True
    """
    evidence = (
        lgamma(hits + 1)
        + lgamma(count - hits + 1)
        - lgamma(count + 2)
        - hits * log(share)
        - (count - hits) * log(1.0 - share)
    )
    return 1.0 if evidence <= 0.0 else exp(-evidence)
