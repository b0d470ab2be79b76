"""What holds for campaigns that are planned together, under limits over all of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise

import numpy as np
import pytest
from examples import at_most
from hypothesis import given, settings
from hypothesis import strategies as st
from said import scored_as

from sendopt.records import (
    Campaign,
    CampaignId,
    Capacity,
    Channel,
    Device,
    DeviceId,
    Exploration,
    FrequencyCap,
    Holdout,
    MessageClass,
    Plan,
    Policy,
    QuietHours,
    Score,
    SendingLimits,
    SendState,
    TenantId,
    UserId,
    Variant,
    VariantId,
    ZoneSource,
)
from sendopt.schedule import AudienceMember, Forecast
from sendopt.schedule.draft import Asked
from sendopt.schedule.plan import plan_together
from sendopt.schedule.standing import Standing

NOW = datetime(2026, 12, 1, tzinfo=UTC)
HOUR, MINUTE, DAY = timedelta(hours=1), timedelta(minutes=1), timedelta(days=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ZONES = ("UTC", "Europe/Berlin", "Asia/Kathmandu", "America/New_York")


def a_campaign(number: int, **changes: object) -> Campaign:
    given = {
        "campaign_id": CampaignId(f"campaign-{number}"),
        "variants": (Variant(VariantId("a"), "Sale", "Half price"),),
        "channel": Channel.SIMULATOR,
        "earliest_at": NOW,
        "latest_at": NOW + 2 * DAY,
        "quiet_hours": QuietHours(time(22), time(8)),
    }
    return Campaign(**(given | changes))


def people(count: int) -> list[AudienceMember]:
    return [
        AudienceMember(
            user_id=(user_id := UserId(f"user-{number:03}")),
            device=Device(DeviceId(f"device-{number}"), user_id, Channel.SIMULATOR, {}),
            timezone=ZONES[number % len(ZONES)],
            timezone_source=ZoneSource.DEVICE,
        )
        for number in range(count)
    ]


def asked(campaign: Campaign, members: list[AudienceMember], seed: int = 1) -> Asked:
    """Let a model say something else of every hour of every user."""
    random = np.random.default_rng(seed)
    hours = [NOW + index * 15 * MINUTE for index in range(-8, 4 * 24 * 4)]
    said = {
        member.user_id: {at: Score(random.uniform(0.01, 0.3), 0.1) for at in hours}
        for member in members
    }
    scored = scored_as(campaign, members, said, now=NOW)
    return Asked(campaign, members, Forecast(scored, "3", 41, None))


def times_of(plans: list[Plan]) -> dict[UserId, list[datetime]]:
    found = defaultdict(list)
    for plan in plans:
        for send in plan.sends:
            if send.due_at is not None and send.state is SendState.PLANNED:
                found[send.user_id].append(send.due_at)
    return {user: sorted(times) for user, times in found.items()}


limits = st.builds(
    SendingLimits,
    caps=st.lists(
        st.builds(FrequencyCap, st.integers(1, 3), st.sampled_from([6 * HOUR, DAY, 2 * DAY])),
        max_size=2,
    ).map(tuple),
    least_gap=st.none() | st.sampled_from([30 * MINUTE, 4 * HOUR]),
    weekly_budget=st.none() | st.integers(1, 4),
    capacities=st.just(()) | st.builds(Capacity, st.integers(1, 3)).map(lambda each: (each,)),
    message_cost=st.sampled_from([0.0, 0.1]),
    no_send_share=st.sampled_from([0.0, 0.3]),
)


@settings(max_examples=at_most(60))
@given(limits, st.integers(1, 4), st.integers(1, 12), st.data())
def test_no_limit_is_ever_broken_and_nobody_is_lost(
    under: SendingLimits, campaigns: int, users: int, data: st.DataObject
) -> None:
    members = people(users)
    exploration = data.draw(
        st.sampled_from([Exploration(), Exploration(Policy.EPSILON_GREEDY, 0.3)])
    )
    holdout = data.draw(st.none() | st.just(Holdout(0.3)))
    history = {
        member.user_id: data.draw(
            st.lists(
                st.integers(-7 * 24 * 60, 2 * 24 * 60).map(lambda m: NOW + m * MINUTE), max_size=2
            )
        )
        for member in members
    }
    pairs = [(user, at) for user, times in history.items() for at in times]
    standing = Standing(
        [user for user, _ in pairs],
        np.array([(at - EPOCH) // timedelta(microseconds=1) for _, at in pairs], np.int64),
        np.full(len(pairs), -1, np.int32),
    )
    plans = plan_together(
        [
            asked(a_campaign(number, exploration=exploration, holdout=holdout), members, number)
            for number in range(campaigns)
        ],
        TenantId("shop"),
        under,
        standing,
    ).plans
    for plan in plans:
        assert [send.user_id for send in plan.sends] == [member.user_id for member in members]
        for send, decision in zip(plan.sends, plan.decisions, strict=True):
            if send.state is SendState.SUPPRESSED:
                assert send.reason in {
                    *("frequency_cap", "weekly_budget", "capacity", "not_worth_its_cost"),
                    "kept_back",
                }
                assert (send.due_at is None) == (send.reason != "kept_back")
            else:
                assert send.state is SendState.PLANNED
                assert send.reason is None
                assert NOW <= send.due_at < NOW + 2 * DAY
                assert decision.chosen_at == send.due_at
                assert decision.chosen_slot is not None
                assert decision.chosen_slot.starts_at <= send.due_at
                assert decision.chosen_slot.excluded_by is None
    rules = [(cap.at_most, cap.within) for cap in under.caps]
    rules += [] if under.least_gap is None else [(1, under.least_gap)]
    rules += [] if under.weekly_budget is None else [(under.weekly_budget, 7 * DAY)]
    for user, times in times_of(plans).items():
        for count, within in rules:
            # What old messages did among themselves is past.
            everything = [*times, *history[user]]
            assert not any(_is_one_too_many(everything, at, count, within) for at in times)
    if under.capacities:
        minutes = Counter(at for times in times_of(plans).values() for at in times)
        assert max(minutes.values(), default=0) <= under.capacities[0].per_minute


def _is_one_too_many(times: list[datetime], at: datetime, count: int, within: timedelta) -> bool:
    """Tell whether a window that holds `at` holds too many; it may begin at any of the times."""
    return any(
        begin <= at < begin + within
        and sum(begin <= each < begin + within for each in times) > count
        for begin in times
    )


def test_four_campaigns_do_not_reach_a_user_at_one_second() -> None:
    members = people(5)
    plans = plan_together(
        [asked(a_campaign(number), members) for number in range(4)],
        TenantId("shop"),
        SendingLimits(1, least_gap=2 * HOUR),
    ).plans
    for times in times_of(plans).values():
        assert len(times) == 4
        assert all(later - at >= 2 * HOUR for at, later in pairwise(times))


def test_what_users_are_owed_is_neither_held_back_nor_counted() -> None:
    members = people(4)
    owed = a_campaign(1, message_class=MessageClass.TRANSACTIONAL)
    plans = plan_together(
        [asked(a_campaign(0), members), asked(owed, members, 2)],
        TenantId("shop"),
        SendingLimits(1, weekly_budget=1),
    ).plans
    assert all(len(times) == 2 for times in times_of(plans).values())


@pytest.mark.parametrize("per_minute", [1, 2])
def test_a_crowd_is_spread_over_minutes(per_minute: int) -> None:
    members = people(40)
    loved = {NOW + 18 * HOUR: Score(0.5, 0.1), NOW + 12 * HOUR: Score(0.01, 0.1)}
    campaign = a_campaign(0, earliest_at=NOW + 12 * HOUR, latest_at=NOW + 19 * HOUR)
    scored = scored_as(campaign, members, {m.user_id: loved for m in members}, now=NOW)
    (plan,) = plan_together(
        [Asked(campaign, members, Forecast(scored, "3", 41, None))],
        TenantId("shop"),
        SendingLimits(1, capacities=(Capacity(per_minute),)),
    ).plans
    minutes = Counter(send.due_at for send in plan.sends)
    assert None not in minutes
    assert max(minutes.values()) <= per_minute
