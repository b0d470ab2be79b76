"""Prices of capacity: those at which demand fits, found on samples first, then on everybody.

The dual of prices is Σ_users (the most their plans bring after paying) + prices · capacity. It is
above what any plan brings at any prices, and lowest where demand fits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sendopt.schedule.joint.newton import curvature_of, seen_along, step
from sendopt.schedule.joint.passes import Demand, Passes

_FEW, _SOME = 6_000, 100_000  # users of a sample
_ASKED = 25_000  # of whom it is measured how they respond to prices
_SIGN_STEPS = 30
_STEPS = 30
_MOST_BUCKETS = 1_500  # whose responses are held in one square matrix
#: Share of messages in the wrong bucket at which steps end: on a sample, whose loads are that far
#: from those of everybody anyway; and in the end, where repair moves few.
_SAMPLE_FITS, _FITS = 4e-3, 4e-4
_SETTLED = 3e-5  # of the dual: what may be lost by letting some alone pay other prices
_HARDLY = 1e-7  # of the dual: a step that gains no more is the last
_SEED = 20_501

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(eq=False)
class Priced:
    """Prices, and what users take under them."""

    prices: Floats
    demand: Demand
    dual: float


class PriceSearch:
    """Finds prices for users of one problem.

    Args:
        passes: of the problem.
        users: who have messages.
        capacity: what they may take.
    """

    def __init__(self, passes: Passes, users: Ints, capacity: Ints) -> None:
        self._passes = passes
        self._capacity = capacity.astype(np.float64)
        self._everybody = users
        self._messages = np.diff(passes.prepared.tables.first)
        self._count = float(self._messages[users].sum())

    def run(self, prices: Floats | None) -> Priced:
        """Return prices from which the dual hardly falls any further.

        Plans that nearly fit are left in the passes: those of everybody under these prices, or of
        some under others.
        """
        everybody = self._everybody
        if not len(self._capacity) or not len(everybody):
            return self._priced(everybody, np.zeros(len(self._capacity)), self._capacity)
        some = self._sample(_SOME)
        if prices is None:
            prices = self.by_sign()
        if len(self._capacity) > _MOST_BUCKETS:
            return self._priced(everybody, prices, self._capacity)
        if len(some) == len(everybody):
            begin = self._priced(everybody, prices, self._capacity)
            return self._by_newton(everybody, begin, self._capacity)[0]
        of_some = self._capacity * self._share(some)
        begin = self._priced(some, prices, of_some)
        at, curvature = self._by_newton(some, begin, of_some, fits=_SAMPLE_FITS)
        begin = self._priced(everybody, at.prices, self._capacity)
        best, curvature = self._by_newton(
            everybody,
            begin,
            self._capacity,
            loss=_SETTLED * self._share(some),
            curvature=curvature,
        )
        self._settle(some, best, curvature)
        return best

    def _share(self, users: Ints) -> float:
        return float(self._messages[users].sum()) / max(self._count, 1.0)

    def _priced(self, users: Ints, prices: Floats, capacity: Floats) -> Priced:
        """Return what users take; prices are rounded to float32, so that all agree on them."""
        prices = prices.astype(np.float32).astype(np.float64)
        return self._as_last(prices, self._passes.demand(users, prices), capacity)

    def _as_last(self, prices: Floats, demand: Demand, capacity: Floats) -> Priced:
        """Return it, and remember that these plans are in the passes."""
        self._last = Priced(prices, demand, demand.bound + float(prices @ capacity))
        return self._last

    def _scale(self, demand: Demand) -> float:
        """Return what a message brings that is sent."""
        return demand.bound / max(int(demand.load.sum()), 1)

    def _sample(self, count: int) -> Ints:
        order = np.random.default_rng(_SEED).permutation(self._everybody)
        return np.sort(order[:count])

    def by_sign(self) -> Floats:
        """Return prices by steps up where a bucket is over its share of capacity, else down.

        Few are asked, so that they are near the right ones only.
        """
        users = self._sample(_FEW)
        share = self._capacity * self._share(users)
        at = self._priced(users, np.zeros(len(share)), share)
        best = at
        size = np.full(len(share), 0.25 * self._scale(at.demand))
        before = np.zeros(len(share))
        for _ in range(_SIGN_STEPS):
            if self._off(at.demand.load - share, at) <= _SAMPLE_FITS:
                return at.prices
            way = np.sign(at.demand.load - share)
            size *= np.where(way * before > 0, 1.25, np.where(way * before < 0, 0.5, 1.0))
            at = self._priced(users, np.maximum(at.prices + way * size, 0.0), share)
            before = way
            if at.dual < best.dual:
                best = at
        return best.prices

    def _by_newton(
        self,
        users: Ints,
        at: Priced,
        capacity: Floats,
        *,
        fits: float = _FITS,
        loss: float = 0.0,
        curvature: Floats | None = None,
    ) -> tuple[Priced, Floats | None]:
        """Return prices by steps of a model that learns from each of them.

        The plans of these users under the prices are left in the passes.

        Args:
            users: who takes part.
            at: prices to begin with, whose plans are in the passes.
            capacity: what they may take.
            fits: see `_off`.
            loss: share of the dual by which it may stay above its least.
            curvature: of the dual of everybody; None = it is measured.
        """
        share = self._share(users)
        if self._off(at.demand.load - capacity, at) <= fits:
            return at, curvature
        if curvature is None:
            asked = users[:: max(len(users) // _ASKED, 1)]
            curvature = self._curvature(asked, at) / self._share(asked)
        trust = 0.3 * self._scale(at.demand)
        refused = 0
        for _ in range(_STEPS):
            excess = at.demand.load - capacity
            if self._off(excess, at) <= fits:
                break
            farthest = np.full(len(at.prices), trust)
            move = step(excess, curvature * share, at.prices, farthest)
            if 0.5 * float(excess @ move) <= loss * at.dual and (np.abs(move) < farthest).all():
                break
            then = self._priced(users, at.prices + move, capacity)
            moved, fell = then.prices - at.prices, (at.demand.load - then.demand.load) / share
            curvature = seen_along(curvature, moved, fell)
            if then.dual < at.dual:
                done = at.dual - then.dual < _HARDLY * at.dual
                at, trust, refused = then, 1.5 * trust, 0
            else:
                trust, refused = 0.3 * float(np.abs(move).max()), refused + 1
                done = refused > 3
            if done:
                break
        if self._last is not at:
            at = self._priced(users, at.prices, capacity)
        return at, curvature

    def _settle(self, some: Ints, at: Priced, curvature: Floats | None) -> None:
        """Let some users pay other prices, until everybody fits.

        It costs as many times what steps of everybody would still gain as there are more of them,
        and takes as many times less. What bounds the plan stays what it is at the prices of all.
        """
        bound = self._passes.bound[some].copy()
        demand = self._passes.demand(some, at.prices)
        capacity = self._capacity - (at.demand.load - demand.load)
        begin = self._as_last(at.prices, demand, capacity)
        self._by_newton(some, begin, capacity, curvature=curvature)
        self._passes.bound[some] = bound

    def _off(self, excess: Floats, at: Priced) -> float:
        """Return the share of messages above capacity, or missing below it at a price."""
        off = np.where(at.prices > 0, np.abs(excess), np.maximum(excess, 0.0))
        return float(off.sum() / max(int(at.demand.load.sum()), 1))

    def _curvature(self, users: Ints, at: Priced) -> Floats:
        scale = self._scale(at.demand)
        by = np.maximum(0.05 * scale, 0.03 * at.prices)
        return curvature_of(self._passes.response(users, at.prices, by))
