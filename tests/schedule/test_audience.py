"""Who is asked on which device, by which clock, and who is not asked at all."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest

from sendopt.records import (
    Campaign,
    CampaignId,
    Channel,
    Device,
    DeviceId,
    Preferences,
    QuietHours,
    UserId,
    Variant,
    VariantId,
)
from sendopt.schedule import AudienceMember, candidate_slots
from sendopt.schedule.audience import audience_members, with_preferences

ANN, BOB = UserId("ann"), UserId("bob")


def a_device(user: UserId, name: str = "phone", zone: str | None = None) -> Device:
    return Device(DeviceId(f"{name}-of-{user}"), user, Channel.SIMULATOR, {}, timezone=zone)


def gathered(audience: list[UserId] | None, *devices: Device, **known: Any) -> list[AudienceMember]:
    facts: dict[str, Any] = {
        "profile_zones": {},
        "log_zones": {},
        "opted_out": frozenset(),
        "tenant_zone": "Europe/Paris",
    }
    return audience_members(audience, devices=devices, **{**facts, **known})


@pytest.mark.parametrize(
    ("device", "profile", "log", "expected"),
    [
        ("Asia/Tokyo", "Asia/Seoul", "Asia/Dubai", ("Asia/Tokyo", "device")),
        (None, "Asia/Seoul", "Asia/Dubai", ("Asia/Seoul", "user")),
        (None, None, "Asia/Dubai", ("Asia/Dubai", "log")),
        (None, None, None, ("Europe/Paris", "tenant")),
        ("Asia/Atlantis", "localtime", "Asia/Dubai", ("Asia/Dubai", "log")),
        (None, None, "US/Pacific-New", ("Europe/Paris", "tenant")),  # it was one until 2020
    ],
)
def test_what_is_closest_to_the_pocket_knows_the_zone(
    device: str | None, profile: str | None, log: str | None, expected: tuple[str, str]
) -> None:
    (person,) = gathered(
        None,
        a_device(ANN, zone=device),
        profile_zones={ANN: profile} if profile else {},
        log_zones={ANN: log} if log else {},
    )
    assert (person.timezone, person.timezone_source) == expected


def test_everyone_is_everyone_with_a_device_once_on_the_latest() -> None:
    people = gathered(None, a_device(BOB), a_device(ANN, "old"), a_device(ANN, "new"))
    assert [(person.user_id, person.device and person.device.device_id) for person in people] == [
        ("ann", "new-of-ann"),
        ("bob", "phone-of-bob"),
    ]


def test_who_was_named_is_there_with_the_reason_for_silence() -> None:
    people = gathered(
        [BOB, ANN, UserId("cleo")], a_device(ANN), a_device(BOB), opted_out=frozenset({BOB})
    )
    assert [(person.user_id, person.suppressed_by) for person in people] == [
        ("ann", None),
        ("bob", "opted_out"),
        ("cleo", "no_device"),
    ]


def test_who_was_named_and_is_known_by_nothing_may_be_misspelt() -> None:
    people = gathered([ANN, UserId("annn")], a_device(ANN), unknown=frozenset({UserId("annn")}))
    assert [(person.user_id, person.suppressed_by) for person in people] == [
        ("ann", None),
        ("annn", "user_unknown"),
    ]


def test_an_opt_out_is_the_reason_even_without_a_device() -> None:
    (person,) = gathered([ANN], opted_out=frozenset({ANN}))
    assert person.suppressed_by == "opted_out"


NOON = datetime(2026, 10, 1, 12, tzinfo=UTC)
NIGHT = QuietHours(time(21), time(9))


def a_campaign(**changed: Any) -> Campaign:
    given: dict[str, Any] = {
        "campaign_id": CampaignId("autumn"),
        "variants": (Variant(VariantId("a"), "Sale", "Half price"),),
        "channel": Channel.SIMULATOR,
        "earliest_at": NOON,
        "latest_at": NOON + timedelta(hours=12),
        "message_type": "promotion",
    }
    return Campaign(**{**given, **changed})


def wanting(wanted: Preferences, *, opted_out: bool = False, **changed: Any) -> AudienceMember:
    found = gathered(None, a_device(ANN), opted_out=frozenset([ANN] if opted_out else []))
    (member,) = with_preferences(found, {ANN: wanted}, a_campaign(**changed))
    return member


@pytest.mark.parametrize(
    ("wanted", "suppressed_by"),
    [
        (Preferences({"promotion": False}), "topic_unwanted"),
        (Preferences({"promotion": True, "news": False}), None),
        (Preferences(snoozed_until=NOON + timedelta(hours=12)), "snoozed"),
        (Preferences(snoozed_until=NOON + timedelta(hours=11)), None),
        (Preferences(quiet_hours=NIGHT), None),
    ],
)
def test_what_a_user_wants_keeps_them_out(wanted: Preferences, suppressed_by: str | None) -> None:
    member = wanting(wanted)
    assert member.suppressed_by == suppressed_by
    assert member.own_quiet_hours == wanted.quiet_hours
    assert member.snoozed_until == wanted.snoozed_until
    assert wanting(wanted, opted_out=True).suppressed_by == "opted_out"


def test_a_message_without_a_type_is_no_topic() -> None:
    assert wanting(Preferences({"promotion": False}), message_type=None).suppressed_by is None


def test_who_wants_nothing_special_stays_as_they_are() -> None:
    found = gathered(None, a_device(ANN), a_device(BOB))
    assert with_preferences(found, {}, a_campaign()) is found
    also = with_preferences(found, {BOB: Preferences(quiet_hours=NIGHT)}, a_campaign())
    assert also[0] is found[0]


@pytest.mark.parametrize(
    ("wanted", "quiet", "excluded"),
    [
        (Preferences(), None, {}),
        # 21:00 in Paris is 19:00 UTC, the window ends at 02:00 there.
        (Preferences(quiet_hours=NIGHT), None, dict.fromkeys(range(19, 24), "quiet_hours_own")),
        (
            Preferences(snoozed_until=NOON + timedelta(minutes=90)),
            None,
            {12: "snoozed", 13: "snoozed"},
        ),
        (
            Preferences(quiet_hours=NIGHT),
            QuietHours(time(22), time(8)),
            {19: "quiet_hours_own", **dict.fromkeys(range(20, 24), "quiet_hours")},
        ),
    ],
)
def test_times_that_a_user_does_not_want_are_excluded(
    wanted: Preferences, quiet: QuietHours | None, excluded: dict[int, str]
) -> None:
    campaign = a_campaign(quiet_hours=quiet)
    slots = candidate_slots(campaign, wanting(wanted, quiet_hours=quiet), now=NOON)
    assert {each.starts_at.hour: each.excluded_by for each in slots} == {
        hour: excluded.get(hour) for hour in range(12, 24)
    }


def test_where_both_leave_one_moment_that_one_joins_the_candidates() -> None:
    """Quiet until 18:20 by the campaign, from 18:40 on by the user, in Paris."""
    campaign = a_campaign(quiet_hours=QuietHours(time(6), time(18, 20)))
    member = wanting(Preferences(quiet_hours=QuietHours(time(18, 40), time(6))))
    allowed = [
        each.starts_at
        for each in candidate_slots(campaign, member, now=NOON)
        if each.excluded_by is None
    ]
    assert allowed == [NOON + timedelta(hours=4, minutes=20)]
