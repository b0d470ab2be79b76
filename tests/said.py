"""What a test lets a model say of users' times, arranged as a planner is given it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import numpy as np

from sendopt.records import Campaign, Score, UserId
from sendopt.schedule import AudienceMember, Scored, shared_grids

_UNSAID = Score(float("nan"))


def scored_as(
    campaign: Campaign,
    members: Sequence[AudienceMember],
    said: Mapping[UserId, Mapping[datetime, Score]],
    *,
    now: datetime,
) -> list[Scored]:
    """Return the candidate times of all who may be reached, with what is said of each."""
    found = []
    for shared in shared_grids(campaign, members, now=now):
        scores = [
            [said.get(members[row].user_id, {}).get(at, _UNSAID) for at in shared.grid.starts_at]
            for row in shared.rows
        ]
        known = [[(s.open_probability, s.logit_sd) for s in row] for row in scores]
        probability, logit_sd = np.moveaxis(np.array(known, np.float64), 2, 0)
        found.append(Scored(shared.rows, shared.grid, probability, logit_sd))
    return found
