"""Numbers the users and the user-days of labelled moments."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sendopt.features import LabelledMoments


def user_numbers(past: LabelledMoments) -> NDArray[np.intp]:
    """Number the users of the rows."""
    return np.asarray(past.user_id.dictionary_encode().indices, np.intp)


def day_groups(past: LabelledMoments) -> NDArray[np.intp]:
    """Number the (user, local day) pairs of the rows: one choice among moments each."""
    user = user_numbers(past).astype(np.int64)
    _, day = np.unique(past.local_day, return_inverse=True)
    pair = user * (int(day.max()) + 1 if len(day) else 1) + day
    _, number = np.unique(pair, return_inverse=True)
    return np.asarray(number, np.intp)
