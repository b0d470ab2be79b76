"""What a platform or a kind of message adds to everybody's hours, shrunken to nothing.

People on one platform, or who get one kind of message, may answer more or less, and at other hours.
A segment's curve is a Gaussian process over the local day about a level of its own; with little to
show for itself it stays near zero, which is everybody's curve.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sendopt.features import HALF_HOURS, Moments
from sendopt.learn.level_shape.beliefs import LevelShape
from sendopt.learn.level_shape.hazard import waves_of_the_day
from sendopt.learn.numerics import circular, logistic

_FEWEST_SENDS = 50  # of a segment; fewer say next to nothing
_MOST_SEGMENTS = 50  # the largest ones


@dataclass(frozen=True, eq=False)
class Segments:
    """Segments by name, and what each adds to the logit at the middle of every half hour.

    A name that is not among them, or null, adds nothing.
    """

    names: tuple[str, ...] = ()
    added: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, HALF_HOURS)))

    @property
    def curves(self) -> NDArray[np.float64]:
        """`added`, and zeros as the last row, which is that of number -1."""
        return np.vstack([self.added, np.zeros(HALF_HOURS)])

    def numbers(self, name: pa.Array) -> NDArray[np.intp]:
        """Return the row of each name, -1 for any other."""
        row = pc.index_in(name, value_set=pa.array(self.names, pa.string()))
        return np.asarray(row.fill_null(-1), np.intp)


def learn_segments(
    name: pa.Array,
    moments: Moments,
    label: NDArray[np.float64],
    weight: NDArray[np.float64],
    *,
    offset: NDArray[np.float64],
    shape: LevelShape,
) -> Segments:
    """Learn what each segment adds to `offset`.

    Args:
        name: the segment of each row; null = none.
        moments: the moments of the rows.
        label: 0 or 1.
        weight: of each row.
        offset: the logit that is known without the segment.
        shape: how far segments may lie from everybody.
    """
    waves, variance = waves_of_the_day(shape.segment_sd, shape.population_length_hours)
    waves = np.column_stack([np.ones(HALF_HOURS), waves])
    precision = 1.0 / np.concatenate([[shape.segment_level_sd**2], variance])
    counted = sorted(
        (-each["counts"], each["values"])
        for each in pc.value_counts(name.drop_null()).to_pylist()
        if each["counts"] >= _FEWEST_SENDS
    )
    names = tuple(sorted(value for _, value in counted[:_MOST_SEGMENTS]))
    segment = Segments(names).numbers(name)
    half_hour = moments.minute_of_day // 30
    added = np.zeros((len(names), HALF_HOURS))
    for number in range(len(names)):
        mine = segment == number
        b = logistic.fit(
            waves[half_hour[mine]],
            label[mine],
            weight[mine],
            offset=offset[mine],
            prior=np.zeros(len(precision)),
            precision=precision,
        )
        added[number] = waves @ b
    return Segments(names, added)


def added_at(segments: Segments, moments: Moments) -> NDArray[np.float64]:
    """Return what the message types of moments add to their logits."""
    if moments.message_type is None or not segments.names:
        return np.zeros(len(moments))
    return circular.at(
        segments.curves[:, None],
        segments.numbers(moments.message_type),
        np.zeros(len(moments), np.intp),
        moments.half_hours - 0.5,
    )
