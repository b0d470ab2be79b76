"""Plans messages of several campaigns together: who is sent what, and when.

Owns: the best assignment of messages to candidate times under rules of frequency and under
    capacities that all users share; a bound that certifies it; what each limit costs.
Does not own: which candidate times there are, how likely a response is, what the limits are.
In: JointProblem, arrays by message, user and slot.
Out: JointPlan.
Time: absolute UTC minutes; zones and clock changes are in the candidate times already.
"""

from sendopt.schedule.joint.forbidden import forbidden_beside
from sendopt.schedule.joint.plan import (
    BY_CAPACITY,
    NO_ALLOWED_SLOT,
    NOT_WORTH_ITS_COST,
    NOTHING_BINDS,
    JointPlan,
)
from sendopt.schedule.joint.problem import (
    NO_BUCKET,
    Campaigns,
    Grids,
    History,
    JointProblem,
    Messages,
    Rules,
)
from sendopt.schedule.joint.solve import cost_of, resolve, solve

__all__ = [
    "BY_CAPACITY",
    "NOTHING_BINDS",
    "NOT_WORTH_ITS_COST",
    "NO_ALLOWED_SLOT",
    "NO_BUCKET",
    "Campaigns",
    "Grids",
    "History",
    "JointPlan",
    "JointProblem",
    "Messages",
    "Rules",
    "cost_of",
    "forbidden_beside",
    "resolve",
    "solve",
]
