"""The choice and the identity of a send, by example; for every plan see test_plan_properties."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest
from said import scored_as

from sendopt.errors import InvalidInput
from sendopt.records import (
    Campaign,
    CampaignId,
    Channel,
    Decision,
    Device,
    DeviceId,
    FallbackReason,
    Plan,
    PlannedSend,
    QuietHours,
    Score,
    SendState,
    TenantId,
    UserId,
    Variant,
    VariantId,
)
from sendopt.schedule import AudienceMember, Forecast, candidate_slots, plan

TENANT = TenantId("default")
NOON = datetime(2026, 10, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


def a_campaign(**changes: object) -> Campaign:
    """A day's window in UTC hours, quiet from 22 to 8."""
    campaign = Campaign(
        campaign_id=CampaignId("autumn-sale"),
        variants=(Variant(VariantId("plain"), "Sale", "Half price"),),
        channel=Channel.SIMULATOR,
        earliest_at=NOON,
        latest_at=NOON + 24 * HOUR,
        quiet_hours=QuietHours(time(22), time(8)),
    )
    return replace(campaign, **changes)  # type: ignore[arg-type]


def a_person(number: int = 7, zone: str = "UTC", **changes: object) -> AudienceMember:
    user_id = UserId(f"user-{number}")
    device = Device(DeviceId(f"device-{number}"), user_id, Channel.SIMULATOR, {})
    return replace(AudienceMember(user_id, device, zone, "device"), **changes)  # type: ignore[arg-type]


def scored(said: dict[UserId, dict[datetime, float]]) -> dict[UserId, dict[datetime, Score]]:
    return {user: {at: Score(p) for at, p in times.items()} for user, times in said.items()}


def planned(
    campaign: Campaign,
    *people: AudienceMember,
    said: dict[UserId, dict[datetime, float]] | None = None,
    now: datetime = NOON - HOUR,
    fallback_reason: FallbackReason | None = None,
) -> Plan:
    return plan(
        campaign,
        TENANT,
        people,
        Forecast(
            scored_as(campaign, people, scored(said or {}), now=now),
            model_version="3",
            log_snapshot=41,
            fallback_reason=fallback_reason,
        ),
    )


def only(plan: Plan) -> tuple[PlannedSend, Decision]:
    (send,), (decision,) = plan.sends, plan.decisions
    return send, decision


def test_the_most_likely_allowed_hour_wins() -> None:
    person = a_person()
    said = {person.user_id: {NOON: 0.1, NOON + 5 * HOUR: 0.3, NOON + 6 * HOUR: 0.2}}
    send, decision = only(planned(a_campaign(), person, said=said))
    assert send.due_at == NOON + 5 * HOUR
    assert send.expires_at == NOON + 9 * HOUR
    assert (decision.policy, decision.binding_constraint) == ("greedy", None)
    assert (decision.model_version, decision.log_snapshot) == ("3", 41)


def test_a_likelier_hour_at_night_is_on_record_and_passed_over() -> None:
    person = a_person()
    said = {person.user_id: {NOON: 0.1, NOON + 11 * HOUR: 0.375}}
    send, decision = only(planned(a_campaign(), person, said=said))
    assert send.due_at == NOON
    assert decision.binding_constraint == "quiet_hours"
    night = next(slot for slot in decision.slots if slot.starts_at == NOON + 11 * HOUR)
    assert (night.open_probability, night.excluded_by) == (0.375, "quiet_hours")


def test_an_hour_that_has_passed_binds_but_is_never_sent() -> None:
    person = a_person()
    said = {person.user_id: {NOON: 0.3, NOON + 2 * HOUR: 0.1}}
    send, decision = only(planned(a_campaign(), person, said=said, now=NOON + MINUTE))
    assert send.due_at == NOON + 2 * HOUR
    assert decision.binding_constraint == "past"


def test_an_hour_that_was_no_likelier_did_not_bind() -> None:
    person = a_person()
    said = {person.user_id: {NOON: 0.3, NOON + 2 * HOUR: 0.3}}
    send, decision = only(planned(a_campaign(), person, said=said, now=NOON + MINUTE))
    assert send.due_at == NOON + 2 * HOUR
    assert decision.binding_constraint is None


def test_who_is_scored_only_at_night_falls_back() -> None:
    person = a_person()
    said = {person.user_id: {NOON + 11 * HOUR: 0.3}}
    send, decision = only(planned(a_campaign(), person, said=said))
    assert send.due_at == NOON + 6 * HOUR
    assert (decision.policy, decision.fallback_reason) == ("fallback", "not_scored")


def test_who_has_no_device_is_told_apart_from_who_may_not_be_reached() -> None:
    send, decision = only(planned(a_campaign(), a_person(device=None)))
    assert (send.state, send.reason) == (SendState.SUPPRESSED, "no_device")
    assert (decision.policy, decision.slots) == ("none", ())


def test_ties_go_to_the_earliest() -> None:
    person = a_person()
    said = {person.user_id: {NOON + 3 * HOUR: 0.2, NOON + HOUR: 0.2, NOON: 0.1}}
    send, _ = only(planned(a_campaign(), person, said=said))
    assert send.due_at == NOON + HOUR


def test_without_a_model_the_fallback_time_is_read_off_the_users_clock() -> None:
    campaign = a_campaign(fallback_local_time=time(18, 30))
    send, decision = only(
        planned(
            campaign, a_person(zone="Asia/Kathmandu"), fallback_reason=FallbackReason.MODEL_STALE
        )
    )
    assert send.due_at == datetime(2026, 10, 1, 12, 45, tzinfo=UTC)
    assert (decision.policy, decision.fallback_reason) == ("fallback", "model_stale")


def test_a_fallback_time_at_night_moves_to_the_nearest_allowed_slot() -> None:
    campaign = a_campaign(fallback_local_time=time(6))
    send, decision = only(planned(campaign, a_person()))
    assert send.due_at == datetime(2026, 10, 2, 8, tzinfo=UTC)
    assert (decision.fallback_reason, decision.binding_constraint) == ("not_scored", "quiet_hours")


def test_only_the_unscored_fall_back() -> None:
    known, unknown = a_person(1), a_person(2)
    result = planned(a_campaign(), known, unknown, said={known.user_id: {NOON: 0.2}})
    assert [decision.policy for decision in result.decisions] == ["greedy", "fallback"]


def test_a_window_too_short_for_the_grid_still_sends() -> None:
    start = NOON + 7 * MINUTE
    campaign = a_campaign(earliest_at=start, latest_at=start + 20 * MINUTE)
    send, _ = only(planned(campaign, a_person()))
    assert send.due_at == start
    late, _ = only(planned(campaign, a_person(), now=start + 3 * MINUTE))
    assert late.due_at == start + 3 * MINUTE


def test_a_window_that_is_all_night_is_suppressed_with_the_rule_that_did_it() -> None:
    night = datetime(2026, 10, 1, 23, 10, tzinfo=UTC)
    send, decision = only(
        planned(a_campaign(earliest_at=night, latest_at=night + 20 * MINUTE), a_person())
    )
    assert (send.state, send.reason) == (SendState.SUPPRESSED, "no_allowed_slot")
    assert decision.binding_constraint == "quiet_hours"
    assert [slot.excluded_by for slot in decision.slots] == ["quiet_hours"]


def test_candidate_times_are_the_only_ones() -> None:
    person = a_person()
    at = NOON + 90 * MINUTE
    campaign = a_campaign(candidate_times={person.user_id: (at, NOON + 12 * HOUR)})
    said = {person.user_id: {at: 0.1, NOON + 12 * HOUR: 0.4}}
    send, decision = only(planned(campaign, person, said=said))
    assert send.due_at == at
    assert [slot.starts_at for slot in decision.slots] == [at, NOON + 12 * HOUR]
    assert decision.binding_constraint == "quiet_hours"
    missed, _ = only(planned(campaign, person, said=said, now=at + MINUTE))
    assert (missed.state, missed.reason) == (SendState.SUPPRESSED, "no_allowed_slot")


def test_a_candidate_time_that_is_named_twice_is_one() -> None:
    person = a_person()
    times = (NOON + HOUR, NOON, NOON + HOUR)
    slots = candidate_slots(
        a_campaign(candidate_times={person.user_id: times}), person, now=NOON - HOUR
    )
    assert [slot.starts_at for slot in slots] == [NOON, NOON + HOUR]


def test_a_retry_never_leaves_the_window() -> None:
    send, _ = only(planned(a_campaign(latest_at=NOON + HOUR), a_person()))
    assert send.expires_at == NOON + HOUR


def test_the_hour_that_autumn_repeats_is_quiet_both_times() -> None:
    """Quiet until 02:30; 02:00 comes twice in Berlin on 25 October, and 02:30 does as well."""
    start = datetime(2026, 10, 24, 23, 30, tzinfo=UTC)  # 01:30 local
    campaign = a_campaign(
        earliest_at=start,
        latest_at=start + 3 * HOUR,
        slot=15 * MINUTE,
        quiet_hours=QuietHours(time(22), time(2, 30)),
    )
    slots = candidate_slots(campaign, a_person(zone="Europe/Berlin"), now=start)
    allowed = [f"{slot.starts_at:%H:%M}" for slot in slots if slot.excluded_by is None]
    # 02:30 and 02:45 of the first round, then from the second 02:30 on.
    assert allowed == ["00:30", "00:45", "01:30", "01:45", "02:00", "02:15"]


# Identity.


def test_a_send_has_one_id_whatever_else_changes() -> None:
    person = a_person()
    first, _ = only(planned(a_campaign(), person))
    later, _ = only(planned(a_campaign(slot=30 * MINUTE), person, now=NOON + 3 * HOUR))
    assert first.send_id == later.send_id
    assert first.send_id.startswith("s_")
    ids = {
        planned(replace(a_campaign(), campaign_id=CampaignId(campaign)), a_person(number))
        .sends[0]
        .send_id
        for campaign in ("a", "b", "ab")
        for number in range(50)
    }
    assert len(ids) == 150


def test_variants_share_the_audience_evenly_and_for_ever() -> None:
    variants = tuple(Variant(VariantId(name), "Sale", "Half price") for name in "abc")
    campaign = a_campaign(variants=variants)
    people = [a_person(number) for number in range(3000)]
    sends = planned(campaign, *people).sends
    assert sends == planned(campaign, *people[::-1]).sends[::-1]
    counts = [sum(send.variant_id == name for send in sends) for name in "abc"]
    # 1000 expected, standard deviation sqrt(3000 * 1/3 * 2/3) = 26.
    assert all(abs(count - 1000) < 4 * 26 for count in counts)


def test_a_person_who_stands_twice_is_refused() -> None:
    with pytest.raises(InvalidInput) as refusal:
        planned(a_campaign(), a_person(), a_person())
    assert refusal.value.code == "duplicate_id"


def test_an_unknown_zone_is_refused() -> None:
    with pytest.raises(InvalidInput) as refusal:
        planned(a_campaign(), a_person(zone="CST"))
    assert refusal.value.code == "zone_invalid"
