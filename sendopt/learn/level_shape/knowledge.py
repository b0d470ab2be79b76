"""What a log tells of viewpoints, whatever a model makes of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sendopt.features import Evidence
from sendopt.learn.level_shape.late_hours import LateHours


@dataclass(frozen=True)
class Knowledge:
    """What a log tells of viewpoints, and what follows from it whatever the parts weigh."""

    user: Evidence  # one row a viewpoint
    everybody: Evidence  # one row a day
    population_row: NDArray[np.intp]  # of each viewpoint, into `everybody`
    activity: tuple[NDArray[np.float64], NDArray[np.float64]]  # see `activity_prior.posterior`
    late: LateHours | None  # None = late answers are not read
    platform: pa.Array
    user_features: NDArray[np.float64]  # (viewpoints, USER_FEATURES)
