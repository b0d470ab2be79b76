"""What a message is worth at each of its candidate times, beside the messages of others."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from sendopt.records import Policy
from sendopt.schedule.choices import Choices
from sendopt.schedule.choose import Knowledge, values
from sendopt.schedule.scored import Scored

#: Of a message of which nobody knows how likely it is answered, where that is known of none.
_UNKNOWN = 0.01
_LEAST = 1e-6
#: So much of its worth a message loses that is moved over the whole window from its own time.
_LOST_BY_MOVING = 0.5


def worth_of(
    scored: Scored, knowing: Knowledge, choices: Choices
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return how likely each message is answered at each slot, and of which it is known.

    Who gets a time that no model chose (the configured one, or one at random) keeps it as well as
    can be: the nearer to it, the more a slot is worth. Such a message counts as likely as those of
    which it is known are on average.

    Returns:
        (members, slots) in 0..1; and one entry a member.
    """
    rows = scored.rows
    by_the_model = choices.policy[rows] == Policy.GREEDY
    if knowing.bonus is None:
        # Nothing is impossible: where there is room a message goes out, however unlikely it is.
        likely = np.maximum(np.nan_to_num(scored.probability), _LEAST).astype(np.float32)
    else:
        likely = expit(values(scored, knowing)).astype(np.float32)
    known = likely[by_the_model]
    typical = np.float32(known.mean() if known.size else _UNKNOWN)
    own = scored.grid.starts_us[np.maximum(choices.slot[rows[~by_the_model]], 0)]
    span = max(int(np.ptp(scored.grid.starts_us)), 1)
    away = np.abs(scored.grid.starts_us - own[:, np.newaxis]) / span
    likely[~by_the_model] = typical * (1.0 - _LOST_BY_MOVING * away)
    return likely, by_the_model
