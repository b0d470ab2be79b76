"""What is known of users as of any instant, whatever the time of day: the declared features."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sendopt.features.as_of.viewpoints import Viewpoints
from sendopt.features.declared import ANSWER, DECLARED
from sendopt.features.local_time.zones import DAY_US
from sendopt.features.target import Target
from sendopt.features.timeline.history import History, in_order, kind
from sendopt.parallel import shared_out
from sendopt.records import EventType


def user_features(past: History, target: Target, viewpoints: Viewpoints) -> NDArray[np.float64]:
    """Return USER_FEATURES of every viewpoint, NaN where something never happened."""
    from sendopt.features.as_of import kernels  # noqa: PLC0415 - numba costs every command 0.3 s

    days = sorted({feature.days for feature in DECLARED if feature.days is not None})
    counted = [target.outcome if each.of == ANSWER else each.of for each in DECLARED]
    columns = (
        np.array(days, np.int64) * DAY_US,
        np.array([each.measure for each in DECLARED], np.int64),
        np.array([0 if each is None else kind(EventType(each)) for each in counted], np.int64),
        np.array([-1 if e.days is None else days.index(e.days) for e in DECLARED], np.int64),
    )
    user = past.numbers(viewpoints.user_id)
    as_of_us = viewpoints.as_of_us
    order = in_order(user, as_of_us)
    features = np.empty((len(viewpoints), len(DECLARED)))

    def write(rows: slice) -> None:
        kernels.user_features(past.first, past.key, *columns, user, as_of_us, order[rows], features)

    shared_out(len(viewpoints), write)
    return features
