"""Limits on messages to one user, as the rules of a joint assignment."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from sendopt.frequency import UserLimit, counts
from sendopt.records import Campaign, MessageClass
from sendopt.schedule.joint import Rules

_MINUTE = timedelta(minutes=1)


def as_rules(limits: Sequence[UserLimit], *, spread: int = 1) -> Rules:
    """Return them as rules over minutes.

    Args:
        limits: at most 62.
        spread: minutes over which messages of one candidate time are spread. Wherever in it two
            messages come to lie, they are to be as far apart as they must.
    """
    return Rules.rolling(
        *((each.cap.at_most, -(-each.cap.within // _MINUTE) + spread - 1) for each in limits)
    )


def counted_by(limits: Sequence[UserLimit], message_type: str | None) -> int:
    """Return which of the limits count a marketing message, as bits of their places."""
    return sum(1 << place for place, limit in enumerate(limits) if counts(limit.cap, message_type))


def holding_for(limits: Sequence[UserLimit], campaign: Campaign) -> int:
    """Return which of the limits hold for a campaign and count it; none of what users are owed."""
    if campaign.message_class is not MessageClass.MARKETING:
        return 0
    return counted_by(limits, campaign.message_type)
