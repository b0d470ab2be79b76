"""Prices of capacity: those at which demand fits, found on samples first, then on everybody.

The dual of prices is Σ_users (the most their plans bring after paying) + prices · capacity. It is
above what any plan brings at any prices, and lowest where demand fits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sendopt.schedule.joint.newton import curvature_of, step
from sendopt.schedule.joint.passes import Demand, Passes

_FEW, _SOME = 6_000, 100_000  # users of a sample
_ASKED = 25_000  # of whom it is measured how they respond to prices
_SIGN_STEPS = 30
_SAMPLE_STEPS, _FULL_STEPS = 10, 10
_MOST_BUCKETS = 1_500  # whose responses are held in one square matrix
_FITS = 1e-4  # share of messages above capacity, at which repair moves few
_HARDLY = 1e-6  # of the dual: a step that gains no more is the last
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
    """Finds prices for the users of one problem."""

    def __init__(self, passes: Passes) -> None:
        self._passes = passes
        self._capacity = passes.prepared.capacity
        first = passes.prepared.tables.first
        self._everybody = np.flatnonzero(np.diff(first) > 0)
        self._messages = np.diff(first)

    def run(self, prices: Floats | None) -> Priced:
        """Return prices from which the dual hardly falls any further.

        The plans of everybody under them are left in the passes.
        """
        everybody = self._everybody
        if not len(self._capacity) or not len(everybody):
            return self._priced(everybody, np.zeros(len(self._capacity)))
        order = np.random.default_rng(_SEED).permutation(everybody)
        few, some = np.sort(order[:_FEW]), np.sort(order[:_SOME])
        if prices is None:
            prices = self._by_sign(few)
        if len(self._capacity) > _MOST_BUCKETS:
            return self._priced(everybody, prices)
        if len(some) < len(everybody):
            best, curvature = self._by_newton(some, prices, steps=_SAMPLE_STEPS, curvature=None)
            prices = best.prices
        else:
            curvature = None
        best, _ = self._by_newton(everybody, prices, steps=_FULL_STEPS, curvature=curvature)
        if self._last is not best:
            best = self._priced(everybody, best.prices)
        return best

    def _share(self, users: Ints) -> float:
        return float(self._messages[users].sum()) / max(float(self._messages.sum()), 1.0)

    def _priced(self, users: Ints, prices: Floats) -> Priced:
        """Return what users take; prices are rounded to float32, so that all agree on them."""
        prices = prices.astype(np.float32).astype(np.float64)
        demand = self._passes.demand(users, prices)
        dual = demand.bound + float(prices @ (self._capacity * self._share(users)))
        self._last = Priced(prices, demand, dual)
        return self._last

    def _scale(self, demand: Demand) -> float:
        """Return what a message brings that is sent."""
        return demand.bound / max(int(demand.load.sum()), 1)

    def _by_sign(self, users: Ints) -> Floats:
        """Return prices by steps up where a bucket is over its share of capacity, else down."""
        share = self._capacity * self._share(users)
        at = self._priced(users, np.zeros(len(share)))
        best = at
        size = np.full(len(share), 0.25 * self._scale(at.demand))
        before = np.zeros(len(share))
        for _ in range(_SIGN_STEPS):
            if self._fits(at.demand.load - share, at):
                return at.prices
            way = np.sign(at.demand.load - share)
            size *= np.where(way * before > 0, 1.25, np.where(way * before < 0, 0.5, 1.0))
            at = self._priced(users, np.maximum(at.prices + way * size, 0.0))
            before = way
            if at.dual < best.dual:
                best = at
        return best.prices

    def _by_newton(
        self, users: Ints, prices: Floats, *, steps: int, curvature: Floats | None
    ) -> tuple[Priced, Floats | None]:
        share = self._share(users)
        capacity = self._capacity * share
        at = self._priced(users, prices)
        if self._fits(at.demand.load - capacity, at):
            return at, curvature
        if curvature is None:
            asked = users[:: max(len(users) // _ASKED, 1)]
            curvature = self._curvature(asked, at) / self._share(asked)
        trust = 0.3 * self._scale(at.demand)
        refused = 0
        for _ in range(steps):
            excess = at.demand.load - capacity
            if self._fits(excess, at):
                break
            farthest = np.full(len(prices), trust)
            move = step(excess, curvature * share, at.prices, farthest)
            then = self._priced(users, at.prices + move)
            if then.dual < at.dual:
                done = at.dual - then.dual < _HARDLY * at.dual
                at, trust, refused = then, 1.5 * trust, 0
            else:
                trust, refused = 0.3 * float(np.abs(move).max()), refused + 1
                done = refused > 3
            if done:
                break
        return at, curvature

    def _fits(self, excess: Floats, at: Priced) -> bool:
        """Whether hardly anything is above capacity, or below it at a price."""
        off = np.where(at.prices > 0, np.abs(excess), np.maximum(excess, 0.0))
        return bool(off.sum() <= _FITS * at.demand.load.sum())

    def _curvature(self, users: Ints, at: Priced) -> Floats:
        scale = self._scale(at.demand)
        by = np.maximum(0.05 * scale, 0.03 * at.prices)
        return curvature_of(self._passes.response(users, at.prices, by))
