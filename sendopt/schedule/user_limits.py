"""A tenant's limits on messages to one user, as the rules of a joint assignment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sendopt.records import BARS, Campaign, Exclusion, MessageClass, SendingLimits
from sendopt.schedule.joint import Rules

_MINUTE = timedelta(minutes=1)
_WEEK = timedelta(days=7)


@dataclass(frozen=True)
class UserLimit:
    """At most so many messages to one user in any window that is this long.

    Attributes:
        at_most: messages.
        within: how long, in minutes.
        message_type: only those of this type count; None = all.
        bar: what it is called where it puts a time out of the question.
    """

    at_most: int
    within: int
    message_type: str | None
    bar: Exclusion

    @property
    def number(self) -> int:
        """The number of its bar in columns."""
        return BARS.index(self.bar)


def user_limits(limits: SendingLimits) -> tuple[UserLimit, ...]:
    """Return the limits; of several that forbid a time the first is told."""
    found = []
    if limits.least_gap is not None:
        found.append(UserLimit(1, _minutes(limits.least_gap), None, Exclusion.LEAST_GAP))
    found += [
        UserLimit(cap.at_most, _minutes(cap.within), cap.message_type, Exclusion.FREQUENCY_CAP)
        for cap in limits.caps
    ]
    if limits.weekly_budget is not None:
        budget = UserLimit(limits.weekly_budget, _minutes(_WEEK), None, Exclusion.WEEKLY_BUDGET)
        found.append(budget)
    return tuple(found)


def as_rules(limits: Sequence[UserLimit], *, spread: int = 1) -> Rules:
    """Return them as rules over minutes.

    Args:
        limits: at most 62.
        spread: minutes over which messages of one candidate time are spread. Wherever in it two
            messages come to lie, they are to be as far apart as they must.
    """
    return Rules.rolling(*((limit.at_most, limit.within + spread - 1) for limit in limits))


def counted_by(limits: Sequence[UserLimit], message_type: str | None) -> int:
    """Return which of the limits count a marketing message, as bits of their places."""
    return sum(
        1 << place
        for place, limit in enumerate(limits)
        if limit.message_type is None or limit.message_type == message_type
    )


def holding_for(limits: Sequence[UserLimit], campaign: Campaign) -> int:
    """Return which of the limits hold for a campaign and count it; none of what users are owed."""
    if campaign.message_class is not MessageClass.MARKETING:
        return 0
    return counted_by(limits, campaign.message_type)


def _minutes(duration: timedelta) -> int:
    return -(-duration // _MINUTE)
