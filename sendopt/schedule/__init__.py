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
from sendopt.schedule.example import small_example
from sendopt.schedule.forecast import Forecast, PastOutcomes
from sendopt.schedule.plan import plan
from sendopt.schedule.planning_defaults import PlanningDefaults
from sendopt.schedule.preview import Preview, preview
from sendopt.schedule.scored import Scored, all_alike, unscored
from sendopt.schedule.slot_grid import SharedGrid, shared_grids
from sendopt.schedule.variants import VariantBelief
from sendopt.schedule.variants import learn as learn_variants

__all__ = [
    "EXAMPLE",
    "AudienceMember",
    "Forecast",
    "PastOutcomes",
    "PlanningDefaults",
    "Preview",
    "Scored",
    "SharedGrid",
    "VariantBelief",
    "all_alike",
    "as_accepted",
    "as_revised",
    "candidate_slots",
    "learn_variants",
    "parse_campaign",
    "plan",
    "preview",
    "rules_of",
    "shared_grids",
    "small_example",
    "unscored",
]
