"""How long answers take: lets the open window change without learning anew.

The cumulative hazard of being answered, in stages after the send (a life table; sends that are too
young for a stage do not count in it). A user, a time or a message shifts all stages alike
(proportional hazards), so a probability within one window tells that within any other:

    1 - P(W') = (1 - P(W)) ^ (H(W') / H(W))
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from sendopt.features import LONGEST_WINDOW, Target, check_window, microseconds, statement
from sendopt.log import Reader

#: Ends of the stages: 5, 15, 30 minutes, 1, 3, 12, 24 hours.
STAGES = (*(timedelta(minutes=m) for m in (5, 15, 30, 60, 180, 720)), LONGEST_WINDOW)

_SECOND = timedelta(seconds=1)


@dataclass(frozen=True)
class Delays:
    """The cumulative hazard at the end of each of STAGES; 0 at 0, straight between."""

    hazard: tuple[float, ...]

    def within(self, window: timedelta) -> float:
        """Return the cumulative hazard at the end of `window`.

        Raises:
            InvalidInput: `window_too_long`, if it is empty or ends beyond the last stage.
        """
        check_window(window, field="open_window")
        ends = [0.0, *(stage / _SECOND for stage in STAGES)]
        return float(np.interp(window / _SECOND, ends, [0.0, *self.hazard]))

    def move(
        self, probability: NDArray[np.float64], *, learned: timedelta, window: timedelta
    ) -> NDArray[np.float64]:
        """Turn probabilities of an answer within `learned` into those within `window`.

        Raises:
            InvalidInput: see `within`.
        """
        ratio = self.within(window) / self.within(learned)
        moved: NDArray[np.float64] = -np.expm1(ratio * np.log1p(-probability))
        return moved


def of_individuals(
    delays: Delays, probability: NDArray[np.float64], *, learned: timedelta
) -> Delays:
    """Turn everybody's hazard into that of single moments.

    Of many who differ, those still silent are more and more those who rarely answer, so everybody's
    hazard falls faster than anyone's own. Each stage's hazard is chosen so that moments with these
    probabilities, together, are answered as often as everybody was.

    Args:
        delays: everybody's.
        probability: of an answer within `learned`, at moments that stand for all.
        learned: the window of `probability`.
    """
    silent = np.log1p(-probability)
    everybody = float(np.log1p(-probability.mean()))
    own = []
    for stage in STAGES:
        ratio = delays.within(stage) / delays.within(learned)
        own.append(_ratio_of_moments(silent, ratio * everybody))
    return Delays(tuple(own))


def _ratio_of_moments(silent: NDArray[np.float64], wanted: float) -> float:
    """Return h at which the log of the mean of exp(h silent) is `wanted`; all are negative.

    Without differences h is wanted / silent; with them it lies between that of the mean moment
    (Jensen) and that of the moment that is answered least.
    """
    least = silent.max()

    def missed(h: float) -> float:
        mean = np.exp(h * (silent - least)).mean()  # at least 1 / rows: no underflow
        return float(np.log(mean) + h * least) - wanted

    low, high = wanted / silent.mean(), wanted / least
    if missed(low) <= 0.0 or missed(high) >= 0.0:  # all alike, up to rounding
        return float(low)
    from scipy.optimize import brentq  # noqa: PLC0415 - costs every scoring 0.1 s

    return float(brentq(missed, low, high, xtol=1e-300, rtol=1e-12))


def steady() -> Delays:
    """Return a hazard that never changes: what there is without answered sends."""
    return Delays(tuple(stage / STAGES[-1] for stage in STAGES))


def observed_delays(reader: Reader, target: Target, *, until: datetime) -> Delays:
    """Count how long the answers before `until` took.

    In each stage stands one more send, half answered (Jeffreys' prior): none is certain.
    """
    counted = reader.query(
        "delays",
        statement("delays"),
        {
            **target.answer_params,
            "until_us": microseconds(until),
            "ends_us": [stage // timedelta(microseconds=1) for stage in STAGES],
        },
    )
    stages = len(STAGES)
    answered, observed = counted["answered"].to_numpy(), counted["observed"].to_numpy()
    sends = counted["sends"].to_numpy()
    hazard, total = [], 0.0
    for stage in range(stages):
        # Whole stages only: a send counts in a stage that it was watched to the end of.
        at_risk = sends[(observed > stage) & (answered >= stage)].sum()
        answers = sends[(observed > stage) & (answered == stage)].sum()
        total -= float(np.log1p(-(answers + 0.5) / (at_risk + 1.0)))
        hazard.append(total)
    return Delays(tuple(hazard))
