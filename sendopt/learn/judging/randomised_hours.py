"""Which hours could have been drawn for a send, told by those that were drawn for its like.

A log holds the chance of the hour that was drawn, and not which others could have come out. These
differ with what the sender draws by: campaigns of one message type go out in the morning, one zone
keeps other quiet hours. A policy that chose among all hours would want some that its send could
never have had; what it is worth would then be told by the sends of others, who may answer more at
any hour. So a policy chooses, for each send, among the hours that were drawn in its zone, on its
platform, of its message type, and for all of them together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sendopt.features.labels.randomised import RandomisedSends

_LEAST_SHARE = 0.005  # of the sends that are alike; what rarer hours are worth, no log tells
_ENOUGH_EXPECTED = 10.0  # draws of an hour: that none of them came out is chance in 1 of 20,000


@dataclass(frozen=True)
class RandomisedHours:
    """The hours that were drawn of all sends, and which of them could be drawn for each."""

    hours: NDArray[np.intp]  # 0..23, local, ascending
    rare: NDArray[np.bool_]  # of them, drawn for hardly any send
    possible: NDArray[np.bool_]  # (sends, hours)
    hardly: NDArray[np.bool_]  # (sends, hours): possible, and too rarely drawn to tell anything


def randomised_hours(sends: RandomisedSends) -> RandomisedHours:
    """Tell from the draws of `sends`, one at least, which hours could be drawn for each.

    Where too few sends are alike to expect ten draws of an hour, as often as it is drawn elsewhere,
    they cannot tell that it was never drawn for them: then it could be, as for all others.
    """
    count = np.bincount(sends.hour, minlength=24)
    hours = np.flatnonzero(count).astype(np.intp)
    column = np.searchsorted(hours, sends.hour)
    chance = count[hours] / np.bincount(column, 1.0 / sends.propensity)  # where it was drawn
    rare = count[hours] < _LEAST_SHARE * len(sends)
    possible = np.ones((len(sends), len(hours)), bool)
    hardly = np.tile(rare, (len(sends), 1))
    for alike in sends.strata.values():
        stratum = np.asarray(alike.indices, np.intp)
        drawn = np.zeros((len(alike.dictionary), len(hours)))
        np.add.at(drawn, (stratum, column), 1.0)
        sent = drawn.sum(axis=1, keepdims=True)
        tell = sent * chance >= _ENOUGH_EXPECTED
        possible &= ~(tell & (drawn == 0))[stratum]
        hardly |= (tell & (drawn < _LEAST_SHARE * sent))[stratum]
    return RandomisedHours(hours, rare, possible, hardly & possible)
