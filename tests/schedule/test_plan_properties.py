"""What holds for every plan, near clock changes more often than not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta, tzinfo

import numpy as np
import pytest
from examples import at_most
from hypothesis import given, settings
from hypothesis import strategies as st
from said import scored_as
from schedule.oracle import plan as oracle
from schedule.oracle.local_window import in_window

from sendopt import clock
from sendopt.clock import zone_at, zone_of
from sendopt.local_window import everywhere
from sendopt.quiet_hours import in_quiet_hours
from sendopt.records import (
    NO_EXPLORATION,
    Arm,
    Campaign,
    CampaignId,
    Channel,
    Device,
    DeviceId,
    Exclusion,
    Experiment,
    Exploration,
    Holdout,
    LocalWindow,
    MessageClass,
    Plan,
    Policy,
    QuietHours,
    Score,
    SendState,
    TenantId,
    UserId,
    Variant,
    VariantId,
)
from sendopt.rules import LegalHours
from sendopt.schedule import (
    AudienceMember,
    Forecast,
    PastOutcomes,
    Scored,
    VariantBelief,
    candidate_slots,
    plan,
)
from sendopt.schedule.bars import BARS, NO_BAR

MINUTE = timedelta(minutes=1)

clock_times = st.integers(0, 24 * 60 - 1).map(lambda minute: time(minute // 60, minute % 60))
quiet_hours = st.builds(QuietHours, clock_times, clock_times).filter(lambda q: q.start != q.end)
zone_names = st.sampled_from(
    [
        *("Europe/Berlin", "America/New_York", "America/Havana", "Africa/Casablanca"),
        *("Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Chatham", "Pacific/Kiritimati"),
    ]
) | st.sampled_from(sorted(clock.zone_names()))

#: Around the changes of 2026 in Europe, North America and Cuba, and an ordinary week.
starts = st.builds(
    lambda day, minute: day + minute * MINUTE,
    st.sampled_from(
        [
            datetime(2026, 3, 8, tzinfo=UTC),
            datetime(2026, 3, 29, tzinfo=UTC),
            datetime(2026, 6, 10, tzinfo=UTC),
            datetime(2026, 10, 25, tzinfo=UTC),
            datetime(2026, 11, 1, tzinfo=UTC),
        ]
    ),
    st.integers(-24 * 60, 24 * 60),
)
#: As scores are kept, with ties.
probabilities = st.floats(0, 1, width=32) | st.sampled_from([0.125, 0.25])


explorations = st.just(NO_EXPLORATION) | st.builds(
    Exploration,
    policy=st.sampled_from(["epsilon_greedy", "thompson"]),
    epsilon=st.floats(0, 0.5),
    share=st.floats(0, 0.5),
    per_user=st.integers(0, 2),
)
holdout_times = st.sampled_from(["configured", "random"])


def shared_out(drawn: dict[Arm, int]) -> Experiment:
    total = sum(drawn.values())
    return Experiment({arm: part / total for arm, part in drawn.items()})


rules = st.sampled_from([Policy.POPULATION_HOUR, Policy.USER_HISTOGRAM])
arms = st.sampled_from([arm for arm in Arm if arm is not Arm.HOLDOUT])
assigned = st.dictionaries(st.integers(0, 3).map("user-{}".format).map(UserId), arms).map(
    lambda of: Experiment(dict.fromkeys(of.values(), 1 / max(len(of), 1)), of)
)
#: A holdout, or the arms of an experiment, or neither.
experiments = (
    st.just({})
    | st.builds(Holdout, st.floats(0.1, 0.5), holdout_times).map(lambda it: {"holdout": it})
    | (st.dictionaries(arms, st.integers(1, 9), min_size=1).map(shared_out) | assigned).map(
        lambda it: {"experiment": it}
    )
)


@st.composite
def campaigns(draw: st.DrawFn) -> Campaign:
    earliest_at = draw(starts)
    letters = "abc"[: draw(st.integers(1, 3))]
    campaign = Campaign(
        campaign_id=CampaignId("autumn-sale"),
        variants=tuple(Variant(VariantId(letter), "Sale", "Half price") for letter in letters),
        channel=Channel.SIMULATOR,
        earliest_at=earliest_at,
        latest_at=earliest_at + draw(st.integers(1, 30 * 60)) * MINUTE,
        quiet_hours=draw(st.none() | quiet_hours),
        slot=draw(st.sampled_from([15, 60, 240, 1440])) * MINUTE,
        fallback_local_time=draw(clock_times),
        time_to_live=draw(st.integers(1, 600)) * MINUTE,
        exploration=draw(explorations),
        **draw(experiments),
        least_confidence=draw(st.none() | st.floats(0.5, 0.95)),
        urgent=draw(st.booleans()),
        message_class=draw(st.sampled_from([*MessageClass])),
    )
    if draw(st.booleans()):
        return campaign
    days = [campaign.earliest_at.date() + timedelta(days=index) for index in range(2)]
    dates = tuple(draw(st.sampled_from([days, days[:1]])))
    window = LocalWindow(dates, draw(clock_times), draw(clock_times))
    begin, end = everywhere(window)
    return replace(campaign, local_window=window, earliest_at=begin, latest_at=end)


night_offsets = st.lists(st.integers(-11, 12), min_size=1, max_size=3, unique=True).map(
    lambda hours: tuple(hour * 60 for hour in hours)
)


#: Hours of one country's law, other ones on every day of the week.
laws = st.lists(st.frozensets(quiet_hours, max_size=1), min_size=7, max_size=7).map(
    lambda week: LegalHours(tuple(week))
)


def zones_of(person: AudienceMember) -> list[tzinfo]:
    """Return every zone in whose night the person is not disturbed."""
    return [zone_of(person.timezone), *map(zone_at, person.quiet_offsets)]


def is_allowed(campaign: Campaign, person: AudienceMember, at: datetime) -> bool:
    """Tell whether neither the campaign nor the law nor the person's own wishes forbid `at`."""
    if not in_window(campaign, zone_of(person.timezone), at):
        return False
    if person.snoozed_until is not None and at < person.snoozed_until:
        return False
    if person.legal_hours is not None and person.legal_hours.forbid(at, zone_of(person.timezone)):
        return False
    return not any(
        in_quiet_hours(at, zone, quiet)
        for quiet in (campaign.quiet_hours, person.own_quiet_hours)
        if quiet is not None
        for zone in zones_of(person)
    )


@st.composite
def people(draw: st.DrawFn) -> list[AudienceMember]:
    found = []
    for index in range(draw(st.integers(1, 4))):
        user_id = UserId(f"user-{index}")
        device = Device(DeviceId(f"device-{index}"), user_id, Channel.SIMULATOR, {})
        found.append(
            AudienceMember(
                user_id=user_id,
                device=draw(st.sampled_from([device, device, None])),
                timezone=draw(zone_names),
                timezone_source="device",
                suppressed_by=draw(st.sampled_from([None, None, "opted_out"])),
                quiet_offsets=draw(st.just(()) | night_offsets),
                own_quiet_hours=draw(st.none() | quiet_hours),
                snoozed_until=draw(st.none() | starts),
                legal_hours=draw(st.none() | laws),
            )
        )
    return found


Said = dict[UserId, dict[datetime, float]]
Planning = tuple[Campaign, list[AudienceMember], Said, datetime]


@st.composite
def plannings(draw: st.DrawFn) -> Planning:
    """Draw a campaign, its people, what a model might say of them, and the planning instant."""
    campaign = draw(campaigns())
    audience = draw(people())
    now = campaign.earliest_at + draw(st.integers(-60, 31 * 60)) * MINUTE
    said = {}
    for person in audience:
        times = [slot.starts_at for slot in candidate_slots(campaign, person, now=now)]
        if draw(st.booleans()):
            chosen = times if draw(st.booleans()) else draw(st.lists(st.sampled_from(times)))
            said[person.user_id] = {at: draw(probabilities) for at in chosen}
    return campaign, audience, said, now


def scored(said: dict[UserId, dict[datetime, float]]) -> dict[UserId, dict[datetime, Score]]:
    """Give each probability a doubt of its own, in the order of time."""
    return {
        user: {at: Score(p, 0.125 * (at.hour % 5)) for at, p in times.items()}
        for user, times in said.items()
    }


def planned(campaign: Campaign, people: list[AudienceMember], said: Said, now: datetime) -> Plan:
    return plan(
        campaign,
        TenantId("default"),
        people,
        _forecast(campaign, people, said, now),
    )


def _forecast(
    campaign: Campaign, people: list[AudienceMember], said: Said, now: datetime
) -> Forecast:
    scores = scored_as(campaign, people, scored(said), now=now)
    return Forecast(scores, model_version="3", log_snapshot=41, fallback_reason=None)


@settings(max_examples=at_most(300))
@given(plannings())
def test_everybody_has_one_time_inside_every_limit_or_one_reason(drawn: Planning) -> None:
    campaign, people, said, now = drawn
    result = planned(campaign, people, said, now)
    assert [send.user_id for send in result.sends] == [person.user_id for person in people]
    assert [decision.send_id for decision in result.decisions] == [
        send.send_id for send in result.sends
    ]
    for person, send, decision in zip(people, result.sends, result.decisions, strict=True):
        assert decision.chosen_at == send.due_at
        assert (send.due_at is not None and send.arm is Arm.NO_SEND) == (send.reason == "kept_back")
        if send.due_at is None:
            assert send.state is SendState.SUPPRESSED
            assert send.reason in {"opted_out", "no_device", "no_allowed_slot"}
            assert decision.propensity is None
        else:
            if send.arm is Arm.NO_SEND:
                assert (send.state, send.reason) == (SendState.SUPPRESSED, "kept_back")
            else:
                assert (send.state, send.reason) == (SendState.PLANNED, None)
            assert campaign.earliest_at <= send.due_at < campaign.latest_at
            assert send.due_at >= now
            assert is_allowed(campaign, person, send.due_at)
            assert send.due_at < send.expires_at <= campaign.latest_at
            assert decision.propensity is not None
            assert 0 < decision.propensity <= 1
            if decision.policy not in {"epsilon_greedy", "thompson", "random"}:
                assert (decision.propensity, decision.explored) == (1.0, False)


@settings(max_examples=at_most(300))
@given(plannings())
def test_nobody_who_could_be_sent_to_is_left_out(drawn: Planning) -> None:
    campaign, people, said, now = drawn
    result = planned(campaign, people, said, now)
    minutes = -((max(campaign.earliest_at, now) - campaign.latest_at) // MINUTE)
    for person, send in zip(people, result.sends, strict=True):
        allowed = any(
            is_allowed(campaign, person, max(campaign.earliest_at, now) + minute * MINUTE)
            for minute in range(minutes)
        )
        reachable = person.suppressed_by is None and person.device is not None
        assert (send.due_at is not None) == (reachable and allowed)


@settings(max_examples=at_most(300))
@given(plannings())
def test_the_record_shows_what_was_said_and_that_the_best_allowed_slot_won(drawn: Planning) -> None:
    campaign, people, said, now = drawn
    result = planned(campaign, people, said, now)
    for person, decision in zip(people, result.decisions, strict=True):
        if person.suppressed_by is not None or person.device is None:
            assert decision.slots == ()
            continue
        spoken = said.get(person.user_id, {})
        assert {slot.starts_at: slot.open_probability for slot in decision.slots} == {
            slot.starts_at: spoken.get(slot.starts_at)
            for slot in candidate_slots(campaign, person, now=now)
        }
        starts = [slot.starts_at for slot in decision.slots]
        assert starts == sorted(set(starts))
        allowed = [slot for slot in decision.slots if slot.excluded_by is None]
        if decision.policy != "greedy" or not allowed:
            continue
        best = max(slot.open_probability for slot in allowed if slot.open_probability is not None)
        winners = [slot.starts_at for slot in allowed if slot.open_probability == best]
        assert decision.chosen_at == winners[0]
        ideal = max(spoken.values())
        assert (decision.binding_constraint is not None) == (ideal > best)


@given(plannings())
def test_the_same_input_gives_the_same_plan_in_any_order_of_people(drawn: Planning) -> None:
    campaign, people, said, now = drawn
    forward = planned(campaign, people, said, now)
    assert planned(campaign, people, said, now) == forward
    backward = planned(campaign, people[::-1], said, now)
    assert backward.sends[::-1] == forward.sends
    assert backward.decisions[::-1] == forward.decisions


@settings(max_examples=at_most(600))
@given(plannings(), st.integers(0, 3), st.data())
def test_whoever_is_planned_together_is_planned_as_alone(
    drawn: Planning, learned: int, data: st.DataObject
) -> None:
    """The planner in columns against the one that looks at one member after the other."""
    campaign, people, said, now = drawn
    hours = data.draw(st.dictionaries(rules, st.lists(st.integers(0, 5), min_size=24, max_size=24)))
    shifted = {
        rule: np.array([np.roll(known, row) for row in range(len(people))], np.float64)
        for rule, known in hours.items()
    }
    forecast = replace(_forecast(campaign, people, said, now), hours=shifted)
    bars = data.draw(st.sampled_from([{}, _drawn_bars(forecast, people, data)]))
    forecast = replace(forecast, scored=[_under(bars, people, each) for each in forecast.scored])
    counts = {person.user_id: data.draw(st.integers(0, 3)) for person in people}
    past = PastOutcomes(counts, _beliefs(len(campaign.variants))[learned])
    arguments = (campaign, TenantId("default"), people, forecast, past)
    share = data.draw(st.sampled_from([0.0, 0.3]))
    together = plan(*arguments, no_send_share=share)
    one_by_one = oracle.plan(
        *arguments, scores=scored(said), now=now, bars=bars, no_send_share=share
    )
    assert together.sends == one_by_one.sends
    numbers = ("propensity", "gain_probability", "variant_propensity")
    for ours, theirs in zip(together.decisions, one_by_one.decisions, strict=True):
        same = {name: getattr(theirs, name) for name in numbers}
        assert replace(ours, **same) == theirs
        known = {name: number for name, number in same.items() if number is not None}
        assert {name: getattr(ours, name) for name in known} == pytest.approx(known, rel=1e-9)
        assert all(getattr(ours, name) is None for name in same.keys() - known.keys())


Bars = dict[UserId, dict[datetime, Exclusion]]


def _drawn_bars(forecast: Forecast, people: list[AudienceMember], data: st.DataObject) -> Bars:
    """Draw what limits over all campaigns bar, for each member by themselves."""
    some = st.sampled_from([*BARS, None, None])
    return {
        people[row].user_id: {
            at: bar for at in each.grid.starts_at if (bar := data.draw(some)) is not None
        }
        for each in forecast.scored
        for row in each.rows
    }


def _under(bars: Bars, people: list[AudienceMember], members: Scored) -> Scored:
    if not bars:
        return members
    numbers = {bar: number for number, bar in enumerate(BARS)}
    of_users = [bars[people[row].user_id] for row in members.rows]
    barred = [
        [numbers.get(of_user.get(at), NO_BAR) for at in members.grid.starts_at]
        for of_user in of_users
    ]
    return members.under(np.array(barred, np.int8))


def _beliefs(variants: int) -> list[VariantBelief | None]:
    """Return what may be known of wordings: nothing, or more and more."""
    uneven = tuple(2.0 ** -(number + 1) for number in range(variants - 1))
    row = (*uneven, 1.0 - sum(uneven))
    return [
        None,
        VariantBelief((row,) * 4, (0.0,) * 4, 0.6),
        VariantBelief((row, row[::-1], row, row[::-1]), (0.1, 0.0, -0.3, 0.2), 0.96),
        VariantBelief((row,) * 4, (0.0, 2.0, 0.0, -2.0), 0.99),
    ]
