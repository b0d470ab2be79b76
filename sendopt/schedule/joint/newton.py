"""One step of prices by how loads respond: a quadratic model of the dual, within bounds."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, no-any-return"

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sendopt.compiled import compiled

_SWEEPS = 200
_DONE = 1e-4  # of the largest move of a sweep, against the farthest that a price may move

_LEAST_SHOWN = 0.05  # of the curvature that was expected along a step: less may be chance

Floats = NDArray[np.float64]


def step(excess: Floats, curvature: Floats, prices: Floats, farthest: Floats) -> Floats:
    """Return the move that minimises the model -excess·d + d'Hd/2 of the dual.

    Args:
        excess: load less capacity of each bucket.
        curvature: H, symmetric: how loads fall as prices rise.
        prices: none falls below 0.
        farthest: no price moves by more.
    """
    return _descend(excess, curvature, -np.minimum(prices, farthest), farthest)


def curvature_of(response: Floats) -> Floats:
    """Return H out of measured changes of loads by price, (buckets, buckets).

    Holders of a bucket are asked, not those who would come if it were cheaper: what one pair of
    buckets shows from both sides is averaged. The diagonal is lifted so that the model is convex
    and no bucket without holders is moved without end.
    """
    both = -(response + response.T) / 2
    off = both - np.diag(np.diag(both))
    # A message that leaves goes to one slot at most: rows of H are dominated by the diagonal.
    least = np.maximum(np.abs(off).sum(axis=1), np.diag(both))
    floor = 1e-3 * max(float(least.max(initial=0.0)), 1e-9)
    curvature: Floats = off + np.diag(np.maximum(least, floor))
    return curvature


def seen_along(curvature: Floats, moved: Floats, fell: Floats) -> Floats:
    """Return H corrected by what a step has shown.

    The update of Broyden, Fletcher, Goldfarb and Shanno: Nocedal and Wright, Numerical Optimization
    (2006), equation 6.19.

    Args:
        curvature: H, positive definite.
        moved: the step of prices.
        fell: by how much it lowered loads.
    """
    expected = curvature @ moved
    shown, known = float(moved @ fell), float(moved @ expected)
    if shown <= _LEAST_SHOWN * known or known <= 0.0:
        return curvature
    corrected: Floats = (
        curvature + np.outer(fell, fell) / shown - np.outer(expected, expected) / known
    )
    return corrected


@compiled()
def _descend(excess, curvature, lowest, highest):
    """Minimise by coordinates between bounds."""
    move = np.zeros(len(excess))
    slope = -excess.copy()  # of the model, at `move`
    for _ in range(_SWEEPS):
        largest = 0.0
        for b in range(len(excess)):
            to = move[b] - slope[b] / curvature[b, b]
            by = min(max(to, lowest[b]), highest[b]) - move[b]
            if by != 0.0:
                move[b] += by
                slope += by * curvature[:, b]
                largest = max(largest, abs(by) / highest[b])
        if largest < _DONE:
            break
    return move
