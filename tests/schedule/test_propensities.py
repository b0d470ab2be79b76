"""Chances that decision records tell, against how often the same plan comes out over many seeds.

The mean over cells hides a wrong chance, so the largest deviation is judged.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime

import numpy as np
import pytest
from schedule.test_plan_together import DAY, HOUR, a_campaign, asked, people

from sendopt.records import (
    Capacity,
    Exploration,
    FrequencyCap,
    Policy,
    SendingLimits,
    TenantId,
    UserId,
)
from sendopt.schedule.plan import plan_together

DRAWS = 2_000
#: Beyond it hardly one of a thousand cells lies by chance.
LARGEST_Z = 4.5

Cell = tuple[UserId, int, datetime | None]


@pytest.mark.slow
@pytest.mark.parametrize(
    "exploration",
    [
        Exploration(Policy.EPSILON_GREEDY, epsilon=0.4, share=1.0),
        Exploration(Policy.THOMPSON, epsilon=0.1, share=1.0),
    ],
    ids=["epsilon-greedy", "thompson"],
)
def test_messages_come_as_often_as_their_propensities_say(exploration: Exploration) -> None:
    members = people(12)
    campaigns = [asked(a_campaign(n, exploration=exploration), members, n) for n in range(2)]
    limits = SendingLimits(
        caps=(FrequencyCap(2, DAY),), least_gap=4 * HOUR, capacities=(Capacity(2),)
    )
    came, told = Counter[Cell](), dict[Cell, set[float]]()
    for seed in range(DRAWS):
        plans = plan_together(campaigns, TenantId("shop"), limits, seed=seed).plans
        for place, plan in enumerate(plans):
            for send, decision in zip(plan.sends, plan.decisions, strict=True):
                if decision.propensity is None:
                    continue
                slot = decision.chosen_slot
                cell = send.user_id, place, None if slot is None else slot.starts_at
                came[cell] += 1
                told.setdefault(cell, set()).add(round(decision.propensity, 9))
    of_pair = Counter[tuple[UserId, int]]()
    for (user, place, _), count in came.items():
        of_pair[user, place] += count
    assert len(told) > 100
    largest = 0.0
    for cell, chances in told.items():
        (chance,) = chances
        count = of_pair[cell[:2]]
        spread = np.sqrt(count * chance * (1.0 - chance))
        largest = max(largest, abs(came[cell] - count * chance) / max(spread, 0.5))
    assert largest <= LARGEST_Z
