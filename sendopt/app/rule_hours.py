"""What the simple rules of an experiment's arms think of every local hour."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from sendopt.features import Target
from sendopt.log import Reader
from sendopt.records import Arm, Campaign, Policy
from sendopt.schedule import AudienceMember
from sendopt.score.histogram import score_hours
from sendopt.score.own_hours import own_hours


def rule_hours(
    campaign: Campaign,
    members: Sequence[AudienceMember],
    reader: Reader,
    target: Target,
    *,
    tenant_zone: str,
    now: datetime,
) -> dict[Policy, NDArray[np.float64]]:
    """Return how good each rule that `campaign` asks for thinks each hour is, (members, 24).

    A rule that knows too little is left out.
    """
    arms = () if campaign.experiment is None else campaign.experiment.shares
    found: dict[Policy, NDArray[np.float64]] = {}
    if Arm.POPULATION_HOUR in arms:
        hours = score_hours(reader, target, as_of=now, timezone=tenant_zone)
        if hours is not None:
            rates = np.array([hour.open_probability for hour in hours])
            found[Policy.POPULATION_HOUR] = np.broadcast_to(rates, (len(members), 24))
    if Arm.USER_HISTOGRAM in arms:
        own = own_hours(
            reader,
            target,
            [member.user_id for member in members],
            as_of=now,
            timezone=tenant_zone,
        )
        if own is not None:
            found[Policy.USER_HISTOGRAM] = own
    return found
