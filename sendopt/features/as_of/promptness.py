"""How soon sends were answered, of sends that are named by user and time."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sendopt.features.as_of.observations import PROMPTNESS
from sendopt.features.as_of.viewpoints import flat
from sendopt.features.timeline.history import user_numbers


def promptness(
    observations: pa.Table, user_id: pa.Array, sent_us: NDArray[np.int64]
) -> NDArray[np.intp]:
    """Return the stage of PROMPTNESS in which each send was answered, len(PROMPTNESS) if in none.

    Args:
        observations: by `observe`.
        user_id: of the sends. Of several sends to a user at one instant, any may be meant.
        sent_us: when they were sent.
    """
    answered = observations.filter(pc.is_valid(observations["promptness"]))
    users = flat(answered["user_id"])
    told = pa.table(
        {
            "user": users.indices,
            "sent_us": answered["happened_us"],
            "promptness": answered["promptness"],
        }
    )
    asked = pa.table(
        {
            "user": pa.array(user_numbers(users.dictionary, user_id), users.indices.type),
            "sent_us": sent_us,
            "row": np.arange(len(sent_us)),
        }
    )
    found = asked.join(told, keys=["user", "sent_us"], join_type="inner")
    stage = np.full(len(sent_us), len(PROMPTNESS), np.intp)
    stage[found["row"].to_numpy()] = found["promptness"].to_numpy()
    return stage
