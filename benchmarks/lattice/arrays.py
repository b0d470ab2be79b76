"""Types of the arrays in use. Instants are seconds since 1970 in UTC; local times are the seconds
since 1970-01-01 00:00 that a local clock shows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Numbers = NDArray[np.int64]
Flags = NDArray[np.bool_]

HOUR = 3600.0
DAY = 86400.0
HOURS = 24
