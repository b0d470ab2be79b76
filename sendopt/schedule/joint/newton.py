"""One step of prices by how loads respond: a quadratic model of the dual, within bounds."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, no-any-return"

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sendopt.compiled import compiled

_SWEEPS = 200
_DONE = 1e-4  # of the largest move of a sweep, against the farthest that a price may move

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
