"""Who is asked on which device, by which clock, and who is not asked at all."""

from __future__ import annotations

from typing import Any

import pytest

from sendopt.records import Channel, Device, DeviceId, UserId
from sendopt.schedule import AudienceMember
from sendopt.schedule.audience import audience_members

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
