"""Limits compose. Each case is how another system is known to fail when two of its features meet.

Where each was read: documentation.onesignal.com/docs/throttling,
infobip.com/docs/automation-studio/journeys/frequency-capping, docs.novu.co (schedule),
docs.knock.app (throttle function), experienceleague.adobe.com (conflict prioritization),
github.com/dittofeed/dittofeed (RateLimitNode), github.com/mautic/mautic/pull/4761; November 2026.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, time, timedelta

import numpy as np
import pytest
from said import scored_as

from sendopt.errors import InvalidInput
from sendopt.records import (
    Campaign,
    CampaignId,
    Capacity,
    Channel,
    Device,
    DeviceId,
    FrequencyCap,
    QuietHours,
    Score,
    SendingLimits,
    TenantId,
    UserId,
    Variant,
    VariantId,
    ZoneSource,
)
from sendopt.schedule import Asked, AudienceMember, Forecast, Standing, plan_together
from sendopt.schedule.limits import parse_limits

NOW = datetime(2026, 12, 7, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
TENANT = TenantId("shop")


def a_campaign(name: str = "sale", *, days: int = 1, quiet: QuietHours | None = None) -> Campaign:
    return Campaign(
        campaign_id=CampaignId(name),
        variants=(Variant(VariantId("a"), "Sale", "Half price"),),
        channel=Channel.SIMULATOR,
        earliest_at=NOW,
        latest_at=NOW + days * DAY,
        quiet_hours=quiet,
    )


def people(count: int) -> list[AudienceMember]:
    return [
        AudienceMember(
            UserId(f"user-{number:03}"),
            Device(DeviceId(f"d{number}"), UserId(f"user-{number:03}"), Channel.SIMULATOR, {}),
            "UTC",
            ZoneSource.DEVICE,
        )
        for number in range(count)
    ]


def asked(campaign: Campaign, members: list[AudienceMember], best: list[int]) -> Asked:
    """Let each member answer best at an hour of its own, less and less the further from it."""
    hours = range(24 * ((campaign.latest_at - NOW) // DAY))
    said = {
        member.user_id: {
            NOW + hour * HOUR: Score(0.4 - 0.01 * abs(hour % 24 - wanted), 0.1) for hour in hours
        }
        for member, wanted in zip(members, best, strict=True)
    }
    scored = scored_as(campaign, members, said, now=NOW)
    return Asked(campaign, members, Forecast(scored, "3", 41, None))


def standing(*sent: tuple[UserId, datetime]) -> Standing:
    at_us = [int(at.timestamp()) * 1_000_000 for _, at in sent]
    none = np.full(len(sent), -1, np.int32)
    return Standing([user for user, _ in sent], np.array(at_us, np.int64), none)


def test_a_throttle_does_not_switch_off_the_choice_of_times() -> None:
    """OneSignal: with throttling on, a message ignores both time zone and delivery at best."""
    members = people(48)
    best = [number % 12 + 8 for number in range(48)]
    (plan,) = plan_together(
        [asked(a_campaign(), members, best)],
        TENANT,
        SendingLimits(1, capacities=(Capacity(1),)),
    ).plans
    hours = [send.due_at.hour for send in plan.sends if send.due_at is not None]
    assert hours == best
    assert max(Counter(send.due_at for send in plan.sends).values()) == 1


def test_caps_and_the_choice_of_times_go_together() -> None:
    """Infobip: send time optimisation cannot be used together with frequency capping."""
    members = people(3)
    sent = standing(*[(member.user_id, NOW - HOUR) for member in members])
    (plan,) = plan_together(
        [asked(a_campaign(days=2), members, [20, 21, 22])],
        TENANT,
        SendingLimits(1, caps=(FrequencyCap(1, DAY),)),
        sent,
    ).plans
    # Until 23:00 the user has had one; at the best hour of the day after that is a day ago.
    assert [send.due_at for send in plan.sends] == [
        NOW + DAY + hour * HOUR for hour in (20, 21, 22)
    ]


def test_who_may_not_be_disturbed_now_is_reached_later() -> None:
    """Novu: outside a subscriber's schedule a notification is skipped. Knock: dropped."""
    members = people(4)
    quiet = QuietHours(time(20), time(8))
    (plan,) = plan_together(
        [asked(a_campaign(quiet=quiet), members, [2, 5, 21, 23])],
        TENANT,
        SendingLimits(1, least_gap=HOUR),
    ).plans
    assert [send.due_at.hour for send in plan.sends if send.due_at] == [8, 8, 19, 19]


@pytest.mark.parametrize("within", ["", "a day", "0h", "-2h", None, 24])
def test_a_window_that_is_none_is_refused_and_never_left_out(within: object) -> None:
    """Knock: with a throttle window that is missing or invalid, the message goes out."""
    with pytest.raises(InvalidInput) as refused:
        parse_limits(
            {
                "caps": [{"at_most": 2, "within": within}],
                "no_send_share": 0,
                "legal_hours": False,
            }
        )
    assert refused.value.field == "/caps/0/within"


def test_two_campaigns_at_once_do_not_both_pass() -> None:
    """Adobe: counters may lag ten minutes, so two journeys both pass."""
    members = people(5)
    plans = plan_together(
        [asked(a_campaign(name), members, [18] * 5) for name in ("one", "other")],
        TENANT,
        SendingLimits(1, caps=(FrequencyCap(1, DAY),)),
    ).plans
    for sends in zip(*(plan.sends for plan in plans), strict=True):
        assert sum(send.due_at is not None for send in sends) == 1
        assert {send.reason for send in sends} == {None, "frequency_cap"}


def test_nobody_leaves_at_a_rate_limit() -> None:
    """Dittofeed: users who come to the rate limit leave the journey."""
    members = people(100)
    (plan,) = plan_together(
        [asked(a_campaign(), members, [18] * 100)],
        TENANT,
        SendingLimits(1, capacities=(Capacity(1),)),
    ).plans
    assert all(send.due_at is not None for send in plan.sends)
    assert max(Counter(send.due_at for send in plan.sends).values()) == 1
    hours = Counter(send.due_at.hour for send in plan.sends if send.due_at is not None)
    assert hours[18] == 60  # the hour that all want is full, and the next best ones take the rest
    assert hours[17] + hours[19] == 40


def test_the_fourth_of_three_a_week_goes_when_the_first_is_a_week_ago() -> None:
    """Mautic: the fourth mail of three a week was put off by three weeks."""
    members = people(1)
    user = members[0].user_id
    sent = standing(*[(user, NOW - day * DAY + 18 * HOUR) for day in (6, 4, 2)])
    (plan,) = plan_together(
        [asked(a_campaign(days=14), members, [18])],
        TENANT,
        SendingLimits(1, caps=(FrequencyCap(3, 7 * DAY),)),
        sent,
    ).plans
    assert plan.sends[0].due_at == NOW + DAY + 18 * HOUR


def test_what_finds_no_time_says_which_limit_left_none() -> None:
    members = people(1)
    sent = standing((members[0].user_id, NOW - HOUR))
    (plan,) = plan_together(
        [asked(a_campaign(), members, [18])],
        TENANT,
        SendingLimits(1, weekly_budget=1),
        sent,
    ).plans
    assert (plan.sends[0].state, plan.sends[0].reason) == ("suppressed", "weekly_budget")
    assert {slot.excluded_by for slot in plan.decisions[0].slots} == {"weekly_budget"}
