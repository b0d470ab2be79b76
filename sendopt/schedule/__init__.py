"""Choose when each message is sent.

Owns: what a campaign may say, candidate times, send windows, quiet hours, the policies that choose
    among slots and variants, arms, the decision record, the preview.
Does not own: how likely a response is (score), how a send is carried out (deliver).
In: Campaign, AudienceMembers, Forecast on their SlotGrids, PastOutcomes.
Out: Plan (PlannedSends, Decisions), Preview.
Time: candidate times are local to the user; every instant is UTC.
"""

from sendopt.schedule.accepted_rules import as_accepted, as_revised, rules_of
from sendopt.schedule.audience import AudienceMember
from sendopt.schedule.campaign import EXAMPLE, parse_campaign
from sendopt.schedule.candidates import candidate_slots
from sendopt.schedule.draft import Asked
from sendopt.schedule.example import small_example
from sendopt.schedule.forecast import Forecast, PastOutcomes
from sendopt.schedule.limits_report import LimitsReport
from sendopt.schedule.plan import plan, plan_together
from sendopt.schedule.planning_defaults import PlanningDefaults
from sendopt.schedule.preview import Preview, preview
from sendopt.schedule.scored import Scored, all_alike, unscored
from sendopt.schedule.slot_grid import SharedGrid, shared_grids
from sendopt.schedule.standing import (
    NOTHING_STANDS,
    Bounds,
    Standing,
    looks_at_others,
    span_of,
)
from sendopt.schedule.variants import VariantBelief
from sendopt.schedule.variants import learn as learn_variants

__all__ = [
    "EXAMPLE",
    "NOTHING_STANDS",
    "Asked",
    "AudienceMember",
    "Bounds",
    "Forecast",
    "LimitsReport",
    "PastOutcomes",
    "PlanningDefaults",
    "Preview",
    "Scored",
    "SharedGrid",
    "Standing",
    "VariantBelief",
    "all_alike",
    "as_accepted",
    "as_revised",
    "candidate_slots",
    "learn_variants",
    "looks_at_others",
    "parse_campaign",
    "plan",
    "plan_together",
    "preview",
    "rules_of",
    "shared_grids",
    "small_example",
    "span_of",
    "unscored",
]
