"""Choose when each message is sent.

Owns: what a campaign may say, candidate times, send windows, quiet hours, the choice among slots,
    the decision record, the preview.
Does not own: how likely a response is (score), how a send is carried out (deliver).
In: Campaign, Person, probabilities.  Out: Plan (PlannedSends and their Decisions), Preview.
Time: candidate times are local to the user; every instant is UTC.
"""

from sendopt.schedule.campaign import EXAMPLE, parse_campaign
from sendopt.schedule.candidates import Person, candidate_slots
from sendopt.schedule.plan import plan
from sendopt.schedule.preview import Preview, preview

__all__ = [
    "EXAMPLE",
    "Person",
    "Preview",
    "candidate_slots",
    "parse_campaign",
    "plan",
    "preview",
]
