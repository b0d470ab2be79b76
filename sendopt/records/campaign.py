"""What is to be sent to whom, and the limits within which each time may be chosen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from sendopt.records.device import Channel
from sendopt.records.ids import CampaignId, UserId, VariantId
from sendopt.records.limits import MessageClass
from sendopt.records.policy import HoldoutTime, Policy
from sendopt.records.send import Arm


@dataclass(frozen=True, slots=True)
class Variant:
    """One wording of a campaign's message."""

    variant_id: VariantId
    title: str
    body: str
    url: str | None = None  # where a click leads; None = nothing to click


@dataclass(frozen=True, slots=True)
class QuietHours:
    """Local times in which nothing is sent: `start <= t < end`, over midnight if start > end."""

    start: time
    end: time


@dataclass(frozen=True, slots=True)
class LocalWindow:
    """Dates on each user's own calendar, and the time of these days in which may be sent.

    Where `end` is not later than `start` it is of the day after: 21:00 to 01:00 begins on each of
    the dates, and 00:00 to 00:00 is all of it.
    """

    dates: tuple[date, ...]  # at least one, in order, each once
    start: time = time(0)  # inclusive
    end: time = time(0)  # exclusive

    @property
    def length(self) -> timedelta:
        """How long it lasts on one of its dates, if no clock is changed."""
        start, end = (timedelta(hours=at.hour, minutes=at.minute) for at in (self.start, self.end))
        return end - start if end > start else end - start + timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Exploration:
    """How a policy leaves the best slot to learn about others, and how often it may."""

    policy: Policy = Policy.GREEDY
    epsilon: float = 0.0  # so much probability is spread evenly over the allowed slots
    share: float = 0.5  # of one send: the most probability on other slots than the best
    per_user: int = 4  # sends in 30 days that may have left a user's best slot


#: The best slot, always.
NO_EXPLORATION = Exploration()


@dataclass(frozen=True, slots=True)
class Holdout:
    """Users kept out of the optimisation, so that its effect can be measured."""

    share: float  # of the tenant's users
    time: HoldoutTime = HoldoutTime.CONFIGURED


@dataclass(frozen=True, slots=True)
class Experiment:
    """Arms among which users are divided, so that each can be held against every other."""

    shares: Mapping[Arm, float]  # of the users; each in (0, 1], together 1
    #: Who is in which, by the caller's word, whose shares they then are; who is not named is of no
    #: arm. None = drawn by a keyed hash.
    assigned: Mapping[UserId, Arm] | None = None


@dataclass(frozen=True, slots=True)
class Campaign:
    """Content, audience and the limits within which each user's time may be chosen."""

    campaign_id: CampaignId
    variants: tuple[Variant, ...]  # at least one
    channel: Channel
    earliest_at: datetime  # send window, earliest_at <= due_at < latest_at
    latest_at: datetime
    local_window: LocalWindow | None = None  # on users' clocks, where it is not the same for all
    #: None = every known user with a device. () = nobody: it is triggered, by `SendRequest`s.
    audience: tuple[UserId, ...] | None = None
    quiet_hours: QuietHours | None = None  # in the user's own zone
    slot: timedelta = timedelta(hours=1)  # candidate times are this far apart, in local time
    candidate_times: dict[UserId, tuple[datetime, ...]] | None = None  # restrict the choice
    fallback_local_time: time = time(hour=18)  # when nothing is known and nothing can be learned
    message_type: str | None = None
    time_to_live: timedelta = timedelta(hours=4)  # after due_at; later it would only annoy
    exploration: Exploration = NO_EXPLORATION
    holdout: Holdout | None = None
    experiment: Experiment | None = None  # None, if there is a holdout
    least_confidence: float | None = None  # in a gain over the configured time; None = any
    urgent: bool = False  # never explored
    message_class: MessageClass = MessageClass.MARKETING
    at_once: bool = False  # no time is chosen: each send goes out as soon as it may
    response_value: float = 1.0  # of one response beside those of other campaigns
    learn_variants: bool = True  # False = an even split for ever
    revision: int = 1  # grows when a committed campaign is edited

    @property
    def is_triggered(self) -> bool:
        """Whether it has no audience, and each of its sends is asked for by itself."""
        return self.audience == ()
