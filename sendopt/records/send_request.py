"""What somebody asks to be sent to one user."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sendopt.records.event import EventType
from sendopt.records.ids import CampaignId, UserId


@dataclass(frozen=True, slots=True)
class LocalMoment:
    """A time on a clock face of a date, before or after which something may happen."""

    shown: datetime  # naive
    timezone: str | None = None  # IANA; None = the user's own
    shift: timedelta = timedelta(0)  # behind that; negative = before


@dataclass(frozen=True, slots=True)
class EventMoment:
    """When something happened to the user: one event by its id, or the last one of a type."""

    event_id: str | None = None
    event_type: EventType | None = None  # exactly one of the two is given
    shift: timedelta = timedelta(0)  # behind that; negative = before


#: As it was asked for; which instant it is may depend on the user.
Moment = datetime | LocalMoment | EventMoment


@dataclass(frozen=True, slots=True)
class SendRequest:
    """One message of a triggered campaign, for one user, in a window that the request names.

    The window begins at `not_before`, or now, and ends before `not_after`, or `within` after its
    beginning. With neither of these two nothing is chosen: it goes out as soon as it may.
    """

    campaign_id: CampaignId
    user_id: UserId
    send_key: str  # of the caller's; within a campaign it names this send and no other
    not_before: Moment | None = None
    not_after: Moment | None = None
    within: timedelta | None = None
    ignores_quiet_hours: bool = False
