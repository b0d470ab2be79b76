"""That a plan comes out of its records again to the bit, and what is said where it does not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import numpy as np
import pytest
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
    Policy,
    QuietHours,
    Score,
    SendingLimits,
    TenantId,
    UserId,
    Variant,
    VariantId,
    ZoneSource,
)
from sendopt.schedule import AudienceMember, Forecast, PastOutcomes
from sendopt.schedule.draft import Asked
from sendopt.schedule.plan import plan_together
from sendopt.schedule.replay import Kept, Missing, Replay, replay
from sendopt.schedule.standing import Standing

NOW = datetime(2026, 10, 24, 9, tzinfo=UTC)  # the clocks of Berlin change within the window
HOUR = timedelta(hours=1)
SHOP = TenantId("shop")
CAMPAIGN = Campaign(
    campaign_id=CampaignId("sale"),
    variants=tuple(Variant(VariantId(each), "Sale", "Half price") for each in "ab"),
    channel=Channel.SIMULATOR,
    earliest_at=NOW,
    latest_at=NOW + 30 * HOUR,
    quiet_hours=QuietHours(time(22), time(8)),
    holdout=Holdout(0.2),
    learn_variants=False,
)
CAPS = SendingLimits(
    caps=(FrequencyCap(1, 6 * HOUR),), least_gap=HOUR, no_send_share=0.2, legal_hours=False
)


def people(count: int = 80) -> list[AudienceMember]:
    zones = ("UTC", "Europe/Berlin", "Asia/Kathmandu")
    return [
        AudienceMember(
            UserId(f"u{number:03}"),
            Device(DeviceId(f"d{number}"), UserId(f"u{number:03}"), Channel.SIMULATOR, {}),
            zones[number % 3],
            ZoneSource.DEVICE,
            own_quiet_hours=QuietHours(time(12, 15), time(13, 30)) if number % 7 == 0 else None,
        )
        for number in range(count)
    ]


def committed(campaign: Campaign = CAMPAIGN, limits: SendingLimits = CAPS) -> list[Kept]:
    members, random = people(), np.random.default_rng(3)
    said = {
        member.user_id: {
            NOW + half * HOUR / 4: Score(random.uniform(0.01, 0.3), random.uniform(0.1, 1))
            for half in range(120)
        }
        for member in members[5:]  # of some nothing is said
    }
    hours = Forecast(scored_as(campaign, members, said, now=NOW), "3", 41, None)
    spent = PastOutcomes({member.user_id: 99 for member in members[::9]})
    had = [member.user_id for member in members[::4]]
    at = (NOW + 3 * HOUR - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    standing = Standing(had, np.full(len(had), at), np.full(len(had), -1, np.int32))
    asked = [Asked(campaign, members, hours, spent)]
    (made,) = plan_together(asked, SHOP, limits, standing, seed=5).plans
    return [
        Kept(send, decision, made.revision, NOW)
        for send, decision in zip(made.sends, made.decisions, strict=True)
    ]


def again(sends: list[Kept], campaign: Campaign = CAMPAIGN, *, together: bool = False) -> Replay:
    return replay(campaign, SHOP, sends, seed=5, together=together)


@pytest.mark.parametrize(
    "exploration",
    [
        Exploration(),
        Exploration(Policy.EPSILON_GREEDY, 0.4),
        Exploration(Policy.THOMPSON, share=0.5),
    ],
    ids=lambda each: str(each.policy),
)
def test_a_plan_comes_out_again_to_the_bit(exploration: Exploration) -> None:
    campaign = replace(CAMPAIGN, exploration=exploration)
    sends = committed(campaign)
    assert len({kept.decision.policy for kept in sends}) >= 3
    assert any(kept.send.reason == "kept_back" for kept in sends)
    assert any(s.excluded_by == "frequency_cap" for kept in sends for s in kept.decision.slots)
    assert again(sends, campaign) == Replay(len(sends), 0, [], {}, {})


@pytest.mark.parametrize(
    ("field", "tampered"),
    [
        ("propensity", 0.5),
        ("gain_probability", 0.123),
        ("policy", "thompson"),
        ("explored", True),
    ],
)
def test_a_decision_that_was_tampered_with_is_found(field: str, tampered: object) -> None:
    sends = committed()
    was = sends[17]
    sends[17] = replace(was, decision=replace(was.decision, **{field: tampered}))
    found = again(sends)
    assert (found.compared, found.differing) == (len(sends), 1)
    assert [(each.send_id, each.field, each.committed) for each in found.first] == [
        (was.send.send_id, field, tampered)
    ]


def test_a_time_and_an_arm_that_were_tampered_with_are_found() -> None:
    sends = committed()
    was = sends[17]
    later = was.send.due_at + 2 * HOUR
    sends[17] = Kept(
        replace(was.send, due_at=later), replace(was.decision, chosen_at=later), 1, NOW
    )
    assert [each.field for each in again(sends).first] == ["due_at"]


def test_another_seed_is_not_the_same_plan() -> None:
    assert replay(CAMPAIGN, SHOP, committed(), seed=6).differing > 0


def test_what_is_no_longer_there_is_counted_by_what_it_is() -> None:
    sends = committed()
    sends[0] = replace(sends[0], send=replace(sends[0].send, user_id=UserId("erased-1")))
    sends[1] = replace(sends[1], revision=2)
    found = again(sends)
    assert found.missing == {Missing.ERASED: 1, Missing.OTHER_REVISION: 1}
    assert (found.compared, found.differing) == (len(sends) - 2, 0)


def test_plans_beside_others_are_not_taken_for_what_can_be_compared() -> None:
    sends = committed(limits=SendingLimits(capacities=(Capacity(1),), legal_hours=False))
    assert again(sends).missing == {Missing.LIMITS: len(sends)}
    assert again(committed(), together=True).missing == {Missing.LIMITS: len(sends)}


def test_another_zone_database_is_told_and_is_no_difference_by_itself() -> None:
    sends = committed()
    sends[0] = replace(sends[0], decision=replace(sends[0].decision, zone_database="1999a"))
    found = again(sends)
    assert (found.compared, found.differing) == (len(sends), 0)
    assert found.by_other_zones == {"1999a": 1}
