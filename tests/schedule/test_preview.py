"""The preview counts exactly what the plan holds."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest
from said import scored_as

from sendopt.records import (
    Campaign,
    CampaignId,
    Channel,
    Device,
    DeviceId,
    Holdout,
    QuietHours,
    Score,
    TenantId,
    UserId,
    Variant,
    VariantId,
)
from sendopt.schedule import AudienceMember, Forecast, Preview, plan, preview

MORNING = datetime(2026, 10, 1, 6, tzinfo=UTC)
HOUR = timedelta(hours=1)


def scored(said: dict[UserId, dict[datetime, float]]) -> dict[UserId, dict[datetime, Score]]:
    return {user: {at: Score(p) for at, p in times.items()} for user, times in said.items()}


def previewed(
    people: list[AudienceMember], said: dict[UserId, dict[datetime, float]], **changes: object
) -> Preview:
    campaign = Campaign(
        campaign_id=CampaignId("autumn-sale"),
        variants=(Variant(VariantId("plain"), "Sale", "Half price"),),
        channel=Channel.SIMULATOR,
        earliest_at=MORNING,
        latest_at=MORNING + 24 * HOUR,
        quiet_hours=QuietHours(time(22), time(8)),
    )
    campaign = replace(campaign, **changes)  # type: ignore[arg-type]
    scores = scored_as(campaign, people, scored(said), now=MORNING)
    forecast = Forecast(scores, model_version="3", log_snapshot=41, fallback_reason=None)
    return preview(plan(campaign, TenantId("default"), people, forecast), Channel.SIMULATOR)


def a_person(name: str, zone: str = "UTC", suppressed_by: str | None = None) -> AudienceMember:
    device = Device(DeviceId(name), UserId(name), Channel.SIMULATOR, {})
    return AudienceMember(UserId(name), device, zone, "device", suppressed_by)


def test_every_number_of_a_small_plan() -> None:
    seen = previewed(
        [
            a_person("ann"),
            a_person("bob", "Asia/Kathmandu"),
            a_person("cleo"),
            a_person("dan", suppressed_by="opted_out"),
            AudienceMember(UserId("eve"), None, "UTC", "tenant"),
        ],
        {
            # Ann would rather be asked at 06:00, which is quiet.
            UserId("ann"): {MORNING: 0.5, MORNING + 3 * HOUR: 0.25},
            UserId("bob"): {datetime(2026, 10, 1, 6, 15, tzinfo=UTC): 0.125},
        },
    )
    assert (seen.people_count, seen.planned_count) == (5, 3)
    assert seen.suppressed == {"no_device": 1, "opted_out": 1}
    assert {hour: count for hour, count in seen.by_local_hour.items() if count} == {
        9: 1,  # Ann
        12: 1,  # Bob, five hours and three quarters ahead
        18: 1,  # Cleo, of whom nothing is known
    }
    assert seen.unknown_users == ()
    assert list(seen.by_local_hour) == list(range(24))
    assert seen.by_utc_hour == {MORNING: 1, MORNING + 3 * HOUR: 1, MORNING + 12 * HOUR: 1}
    assert seen.by_variant == {"plain": 3}
    assert seen.bound_by == {"quiet_hours": 1}
    assert (seen.fallback_count, seen.fallback_share) == (1, 1 / 3)
    assert seen.nobody_because is None
    assert seen.fallback_reasons == {"not_scored": 1}
    assert seen.expected_open_count == 0.375
    assert seen.expected_open_basis == "predictive"


def test_the_first_of_those_whom_nobody_knows_are_named() -> None:
    seen = previewed([a_person(f"u{n}", suppressed_by="user_unknown") for n in range(9)], {})
    assert seen.suppressed == {"user_unknown": 9}
    assert seen.unknown_users == ("u0", "u1", "u2", "u3", "u4")


@pytest.mark.parametrize(
    ("people", "told"),
    [
        ([], ("no user has a device on the channel simulator", "POST /v1/devices")),
        (
            [
                AudienceMember(UserId("eve"), None, "UTC", "tenant"),
                a_person("dan", "UTC", "opted_out"),
            ],
            ("1 no_device, 1 opted_out", "POST /v1/devices", "opt in again"),
        ),
    ],
)
def test_where_nobody_can_be_reached_the_reason_and_the_next_step_are_told(
    people: list[AudienceMember], told: tuple[str, ...]
) -> None:
    because = previewed(people, {}).nobody_because
    assert because is not None
    for said in told:
        assert said in because


def test_a_window_that_is_quiet_for_everybody_is_told_as_such() -> None:
    because = previewed(
        [a_person("ann")], {}, earliest_at=MORNING - 4 * HOUR, latest_at=MORNING - 2 * HOUR
    ).nobody_because
    assert because is not None
    assert "no_allowed_slot" in because
    assert "widen `send_window`" in because


def test_a_plan_for_nobody() -> None:
    seen = previewed([a_person("dan", suppressed_by="opted_out")], {})
    assert (seen.people_count, seen.planned_count, seen.fallback_share) == (1, 0, 0.0)
    assert seen.expected_open_count == 0
    assert seen.people_count == seen.planned_count + sum(seen.suppressed.values())


def test_arms_hold_everybody_and_only_what_left_its_place_is_counted_as_moved() -> None:
    """Nobody explores, and every gain is proven: noon is answered, other hours never."""
    noon = MORNING + 6 * HOUR
    people = [
        a_person(f"user-{n}", suppressed_by="opted_out" if n % 2 else None) for n in range(200)
    ]
    said = {
        person.user_id: {MORNING + n * HOUR: 0.001 for n in range(24)} | {noon: 0.9}
        for person in people
    }
    seen = previewed(people, said, holdout=Holdout(0.5), least_confidence=0.9)
    assert sum(seen.by_arm.values()) == 200
    assert sum(seen.by_policy.values()) == seen.planned_count == 100
    assert 0 < seen.by_policy["greedy"] < 100
    assert (seen.explored_count, seen.abstained_count) == (0, 0)
