"""What came of a campaign, by revision, variant, arm, local hour and channel: counts, and no claim.

Whether one arm is better than another is another question: `lift` answers it, with its interval.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from sendopt.clock import zone_names, zone_of
from sendopt.records import CountedSends, SendState

#: Of sends without an experiment, and of those without a time: suppressed before one was chosen.
NONE = "none"


@dataclass(slots=True)
class Counts:
    """Sends, what became of them, and the answers to them; each counts once under each."""

    sends: int = 0
    delivered: int = 0  # the provider took responsibility
    opened: int = 0
    clicked: int = 0  # by the rules of counting
    responded: int = 0
    dismissed: int = 0
    opted_out: int = 0
    states: Counter[str] = field(default_factory=Counter)  # add up to the sends
    reasons: Counter[str] = field(default_factory=Counter)  # of those that were not delivered

    def add(self, counted: CountedSends) -> None:
        """Add sends, and the answers to them."""
        self.sends += counted.sends
        self.opened += counted.opened
        self.clicked += counted.clicked
        self.responded += counted.responded
        self.dismissed += counted.dismissed
        self.opted_out += counted.opted_out
        self.states[counted.state] += counted.sends
        if counted.state is SendState.DELIVERED:
            self.delivered += counted.sends
        elif counted.reason is not None:
            self.reasons[counted.reason] += counted.sends


@dataclass(frozen=True, slots=True)
class CampaignResults:
    """The same sends in total, and divided in five ways; each division adds up to the total."""

    total: Counts
    by_revision: Mapping[str, Counts]  # of the campaign, by which they were planned
    by_variant: Mapping[str, Counts]
    by_arm: Mapping[str, Counts]  # "optimised", "holdout"; "none" = no experiment
    by_local_hour: Mapping[str, Counts]  # "00" to "23", of the user's zone; "none" = suppressed
    by_channel: Mapping[str, Counts]


def campaign_results(counted: Iterable[CountedSends]) -> CampaignResults:
    """Add up what was counted."""
    total = Counts()
    divisions: dict[Callable[[CountedSends], str], dict[str, Counts]] = {
        _revision: {},
        _variant: {},
        _arm: {},
        _local_hour: {},
        _channel: {},
    }
    for sends in counted:
        total.add(sends)
        for part_of, parts in divisions.items():
            parts.setdefault(part_of(sends), Counts()).add(sends)
    return CampaignResults(total, *(dict(sorted(parts.items())) for parts in divisions.values()))


def _revision(sends: CountedSends) -> str:
    return str(sends.revision)


def _variant(sends: CountedSends) -> str:
    return sends.variant_id


def _arm(sends: CountedSends) -> str:
    return NONE if sends.arm is None else sends.arm


def _local_hour(sends: CountedSends) -> str:
    if sends.due_at is None or sends.timezone not in zone_names():
        return NONE
    return f"{sends.due_at.astimezone(zone_of(sends.timezone)):%H}"


def _channel(sends: CountedSends) -> str:
    return sends.channel
