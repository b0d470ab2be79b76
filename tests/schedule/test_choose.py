"""Arms, abstention, exploration and wordings, seen in whole plans."""

from __future__ import annotations

import itertools
import math
import statistics
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from said import scored_as
from schedule.oracle.identity import arm_of, uniform

from sendopt.records import (
    Arm,
    Campaign,
    CampaignId,
    Channel,
    Decision,
    Device,
    DeviceId,
    Exploration,
    FallbackReason,
    Holdout,
    Plan,
    QuietHours,
    Score,
    SendState,
    ServedBy,
    TenantId,
    UserId,
    Variant,
    VariantId,
)
from sendopt.schedule import AudienceMember, Forecast, PastOutcomes, plan
from sendopt.schedule.plan import NOTHING_LEARNED
from sendopt.schedule.policy import draw, slot_distributions
from sendopt.schedule.variants import VariantBelief

MIDNIGHT = datetime(2026, 10, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
EIGHTEEN = MIDNIGHT + 18 * HOUR
VARIANTS = tuple(Variant(VariantId(name), "Sale", f"Half price, {name}") for name in "abc")

CAMPAIGN = Campaign(
    campaign_id=CampaignId("autumn-sale"),
    variants=VARIANTS[:1],
    channel=Channel.SIMULATOR,
    earliest_at=MIDNIGHT,
    latest_at=MIDNIGHT + 24 * HOUR,
    quiet_hours=QuietHours(time(22), time(8)),
)


def a_person(number: int = 1, **changes: object) -> AudienceMember:
    user_id = UserId(f"user-{number}")
    device = Device(DeviceId(f"device-{number}"), user_id, Channel.SIMULATOR, {})
    return replace(AudienceMember(user_id, device, "UTC", "device"), **changes)  # type: ignore[arg-type]


def said(best: int = 12, *, best_at: float = 0.5, others: float = 0.4, sd: float = 0.3):  # type: ignore[no-untyped-def]
    return {
        MIDNIGHT + hour * HOUR: Score(best_at if hour == best else others, sd) for hour in range(24)
    }


def planned(
    campaign: Campaign,
    count: int = 1,
    *,
    people: list[AudienceMember] | None = None,
    past_outcomes: PastOutcomes = NOTHING_LEARNED,
    scores: dict[UserId, dict[datetime, Score]] | None = None,
    now: datetime = MIDNIGHT,
    seed: int = 1,
    no_send_share: float = 0.0,
    **changes: object,
) -> Plan:
    people = people or [a_person(number) for number in range(count)]
    said_of = {person.user_id: said() for person in people} if scores is None else scores
    scored = scored_as(campaign, people, said_of, now=now)
    forecast = Forecast(scored, model_version="3", log_snapshot=41, fallback_reason=None)
    forecast = replace(forecast, **changes)  # type: ignore[arg-type]
    tenant_id = TenantId("default")
    arguments = (campaign, tenant_id, people, forecast, past_outcomes)
    return plan(*arguments, seed=seed, no_send_share=no_send_share)


def the_decision(campaign: Campaign, **changes: object) -> Decision:
    (decision,) = planned(campaign, **changes).decisions
    return decision


# Abstention.


def test_a_gain_that_is_not_proven_leaves_the_configured_time() -> None:
    decision = the_decision(replace(CAMPAIGN, least_confidence=0.9))
    assert decision.chosen_at == EIGHTEEN
    assert (decision.policy, decision.abstention_reason) == ("configured", "gain_not_proven")
    assert (decision.propensity, decision.served_by) == (1.0, ServedBy.CHAMPION)
    # Logits 0 and -0.405, each unsure by 0.3: P(N(0.405, 0.424) > 0).
    assert decision.gain_probability == pytest.approx(0.830, abs=0.001)


@pytest.mark.parametrize("changes", [{"least_confidence": 0.8}, {"least_confidence": None}])
def test_a_gain_that_is_likely_enough_moves_the_send(changes: dict[str, float | None]) -> None:
    decision = the_decision(replace(CAMPAIGN, **changes))  # type: ignore[arg-type]
    assert decision.chosen_at == MIDNIGHT + 12 * HOUR
    assert (decision.policy, decision.abstention_reason) == ("greedy", None)


def test_a_gain_as_likely_as_was_asked_for_is_enough() -> None:
    """All hours are alike: the earliest is better than the configured one, or worse, by a half."""
    scores = {UserId("user-0"): said(best_at=0.4)}
    moved, kept = (
        the_decision(replace(CAMPAIGN, least_confidence=least), scores=scores)
        for least in (0.5, 0.501)
    )
    assert (moved.chosen_at, moved.gain_probability) == (MIDNIGHT + 8 * HOUR, 0.5)
    assert (kept.chosen_at, kept.abstention_reason) == (EIGHTEEN, "gain_not_proven")


def test_where_the_best_is_the_configured_there_is_nothing_to_prove() -> None:
    scores = {UserId("user-0"): said(18)}
    decision = the_decision(replace(CAMPAIGN, least_confidence=0.99), scores=scores)
    assert (decision.chosen_at, decision.gain_probability) == (EIGHTEEN, None)
    assert decision.policy == "greedy"


def test_a_configured_time_at_night_is_held_against_its_nearest_allowed_slot() -> None:
    campaign = replace(CAMPAIGN, least_confidence=0.9, fallback_local_time=time(5))
    decision = the_decision(campaign)
    assert decision.chosen_at == MIDNIGHT + 8 * HOUR
    assert decision.abstention_reason == "gain_not_proven"


# Exploration.

EXPLORING = replace(CAMPAIGN, exploration=Exploration("epsilon_greedy", 0.3))


def test_the_propensity_is_that_of_the_slot_among_the_allowed_ones() -> None:
    result = planned(EXPLORING, 4_000)
    allowed = 14  # 8:00 to 21:00
    for decision in result.decisions:
        best = decision.chosen_at == MIDNIGHT + 12 * HOUR
        assert decision.explored is not best
        assert decision.policy == "epsilon_greedy"
        assert decision.propensity == pytest.approx(0.3 / allowed + (0.7 if best else 0.0))
        assert decision.chosen_at is not None
        assert 8 <= decision.chosen_at.hour < 22
    explored = sum(decision.explored is True for decision in result.decisions)
    expected = 0.3 * (1 - 1 / allowed)
    assert abs(explored / 4_000 - expected) < 4 * (expected * (1 - expected) / 4_000) ** 0.5


def test_the_same_arguments_give_the_same_plan_and_another_seed_another() -> None:
    assert planned(EXPLORING, 200) == planned(EXPLORING, 200)
    assert planned(EXPLORING, 200) != planned(EXPLORING, 200, seed=2)


@pytest.mark.parametrize("policy", ["epsilon_greedy", "thompson"])
def test_a_propensity_can_be_computed_again_from_the_record_alone(policy: str) -> None:
    campaign = replace(CAMPAIGN, exploration=Exploration(policy, 0.1, 0.4))
    people = [a_person(number) for number in range(50)]
    scores = {
        person.user_id: said(8 + number % 14, best_at=0.6, sd=0.1 + number / 50)
        for number, person in enumerate(people)
    }
    for decision in planned(campaign, people=people, scores=scores).decisions:
        allowed = [slot for slot in decision.slots if slot.excluded_by is None]
        chances = [slot.open_probability for slot in allowed]
        (again,) = slot_distributions(
            np.array([[math.log(p / (1 - p)) for p in chances if p is not None]]),
            np.array([[slot.logit_sd for slot in allowed if slot.logit_sd is not None]]),
            best=np.array([chances.index(max(p for p in chances if p is not None))]),
            exploration=campaign.exploration,
        )
        (chosen,) = draw(again[np.newaxis], np.array([uniform(1, "slot", decision.send_id)]))
        assert allowed[chosen].starts_at == decision.chosen_at
        assert again[chosen] == pytest.approx(decision.propensity, rel=1e-12)


def test_who_was_explored_with_enough_gets_the_best_time() -> None:
    spent = {UserId("user-0"): EXPLORING.exploration.per_user}
    decision = the_decision(EXPLORING, past_outcomes=PastOutcomes(explored_counts=spent))
    assert decision.chosen_at == MIDNIGHT + 12 * HOUR
    assert (decision.policy, decision.propensity) == ("greedy", 1.0)
    assert decision.exploration_bound_by == "exploration_budget_spent"


def test_what_is_urgent_is_never_explored() -> None:
    result = planned(replace(EXPLORING, urgent=True), 300)
    assert {decision.exploration_bound_by for decision in result.decisions} == {"urgent"}
    assert {decision.propensity for decision in result.decisions} == {1.0}
    assert {decision.chosen_at for decision in result.decisions} == {MIDNIGHT + 12 * HOUR}


def test_an_abstaining_policy_explores_around_the_configured_time() -> None:
    decisions = planned(replace(EXPLORING, least_confidence=0.9), 300).decisions
    at_configured = [d for d in decisions if d.chosen_at == EIGHTEEN]
    assert len(at_configured) > 150
    for decision in decisions:
        assert decision.explored is not (decision.chosen_at == EIGHTEEN)
        assert decision.abstention_reason == "gain_not_proven"


@given(share=st.floats(0, 0.5), policy=st.sampled_from(["epsilon_greedy", "thompson"]))
def test_no_more_of_a_campaign_explores_than_its_share(share: float, policy: str) -> None:
    campaign = replace(CAMPAIGN, exploration=Exploration(policy, 0.5, share))
    for decision in planned(campaign, 5).decisions:
        assert decision.propensity is not None
        if decision.explored:
            assert decision.propensity <= share + 1e-9
        else:
            assert decision.propensity >= 1 - share - 1e-9


# Holdout.

HELD_OUT = replace(CAMPAIGN, holdout=Holdout(0.2))


def test_an_arm_is_a_users_own_in_every_campaign_and_grows_with_its_share() -> None:
    def held_out(campaign: Campaign) -> set[UserId]:
        return {send.user_id for send in planned(campaign, 2_000).sends if send.arm is Arm.HOLDOUT}

    first = held_out(HELD_OUT)
    assert first == held_out(replace(HELD_OUT, campaign_id=CampaignId("winter-sale")))
    assert first < held_out(replace(HELD_OUT, holdout=Holdout(0.3)))
    assert abs(len(first) - 400) < 4 * (2_000 * 0.2 * 0.8) ** 0.5


def test_every_tenant_and_every_purpose_draws_for_itself() -> None:
    """Had two draws the same chance, an arm would tell of the slot, and one shop of another."""
    draws = [
        [uniform(1, purpose, tenant, f"user-{number}") for number in range(500)]
        for purpose in ("arm", "slot", "variant")
        for tenant in ("shop", "other")
    ]
    for one, other in itertools.combinations(draws, 2):
        assert abs(statistics.correlation(one, other)) < 4 / 500**0.5
    users = [UserId(f"user-{number}") for number in range(500)]
    here, there = (
        [arm_of(Holdout(0.5), seed=1, tenant_id=TenantId(name), user_id=user) for user in users]
        for name in ("shop", "other")
    )
    alike = sum(one is other for one, other in zip(here, there, strict=True))
    assert abs(alike - 250) < 4 * (500 * 0.25) ** 0.5


def test_the_holdout_keeps_the_configured_time_and_the_rest_does_not() -> None:
    result = planned(HELD_OUT, 300)
    for send, decision in zip(result.sends, result.decisions, strict=True):
        if send.arm is Arm.HOLDOUT:
            assert (send.due_at, decision.policy) == (EIGHTEEN, "configured")
            assert decision.served_by is ServedBy.CONFIGURED_TIME
        else:
            assert (send.due_at, decision.policy) == (MIDNIGHT + 12 * HOUR, "greedy")
        assert decision.propensity == 1.0


def test_a_random_holdout_takes_every_allowed_slot_alike() -> None:
    campaign = replace(CAMPAIGN, holdout=Holdout(0.5, "random"))
    result = planned(campaign, 4_000)
    hours = [
        send.due_at.hour
        for send, decision in zip(result.sends, result.decisions, strict=True)
        if send.arm is Arm.HOLDOUT and send.due_at and decision.propensity == 1 / 14
    ]
    expected = len(hours) / 14
    by_chance = [decision for decision in result.decisions if decision.policy == "random"]
    assert {decision.explored for decision in by_chance} == {False}, "no user's budget pays for it"
    assert {decision.served_by for decision in by_chance} == {None}
    assert len(hours) > 1_800
    assert all(abs(hours.count(hour) - expected) < 5 * expected**0.5 for hour in range(8, 22))


def test_who_is_suppressed_has_an_arm_all_the_same() -> None:
    people = [a_person(number, suppressed_by="opted_out") for number in range(50)]
    result = planned(HELD_OUT, people=people)
    assert {send.arm for send in result.sends} == {Arm.HOLDOUT, Arm.OPTIMISED}
    assert {send.state for send in result.sends} == {SendState.SUPPRESSED}
    chances = {(each.propensity, each.variant_propensity) for each in result.decisions}
    assert chances == {(None, None)}, "what is not sent had no chance"


def test_without_an_experiment_nobody_has_an_arm() -> None:
    assert {send.arm for send in planned(CAMPAIGN, 20).sends} == {None}


# Whose word.


def test_the_record_says_whose_word_it_rests_on() -> None:
    told = the_decision(
        CAMPAIGN, served_by=ServedBy.TENANT_HISTOGRAM, fallback_reason=FallbackReason.NO_CHAMPION
    )
    assert (told.policy, told.served_by) == ("greedy", ServedBy.TENANT_HISTOGRAM)
    assert told.fallback_reason == "no_champion"
    silent = the_decision(CAMPAIGN, scores={}, fallback_reason=FallbackReason.NO_CHAMPION)
    assert (silent.policy, silent.served_by) == ("fallback", ServedBy.CONFIGURED_TIME)
    assert silent.chosen_at == EIGHTEEN


# Inferred zones.


def test_a_zone_that_was_inferred_keeps_its_night() -> None:
    """The tenant's clock says noon; where the user seems to live it may be 23:00 or midnight."""
    person = a_person(
        timezone_source="inferred", quiet_offsets=(660, 720), timezone_confidence=0.93
    )
    decision = the_decision(CAMPAIGN, people=[person], scores={person.user_id: said(12)})
    assert decision.chosen_at == MIDNIGHT + 8 * HOUR
    assert decision.binding_constraint == "quiet_hours_inferred"
    assert (decision.timezone, decision.timezone_confidence) == ("UTC", 0.93)
    assert decision.quiet_offsets == (660, 720)
    reasons = {slot.starts_at.hour: slot.excluded_by for slot in decision.slots}
    # 22:00 to 08:00 at +11 is 11:00 to 21:00; at +12 it is 10:00 to 20:00.
    assert {hour for hour, why in reasons.items() if why is None} == {8, 9, 21}


def test_times_that_a_campaign_names_keep_an_inferred_night_too() -> None:
    """Noon may be 23:00 where the user seems to live; 21:00 is 8:00 there."""
    person = a_person(timezone_source="inferred", quiet_offsets=(660,))
    noon, evening = MIDNIGHT + 12 * HOUR, MIDNIGHT + 21 * HOUR
    campaign = replace(CAMPAIGN, candidate_times={person.user_id: (noon, evening)})
    decision = the_decision(campaign, people=[person], scores={person.user_id: said(12)})
    assert decision.chosen_at == evening
    assert [slot.excluded_by for slot in decision.slots] == ["quiet_hours_inferred", None]


def test_where_the_grid_leaves_nothing_an_inferred_night_is_waited_out() -> None:
    """At +11 it is night until 21:30; the window has no full hour."""
    person = a_person(timezone_source="inferred", quiet_offsets=(660,))
    campaign = replace(
        CAMPAIGN,
        earliest_at=MIDNIGHT + timedelta(hours=21, minutes=7),
        latest_at=MIDNIGHT + timedelta(hours=21, minutes=50),
        quiet_hours=QuietHours(time(22), time(8, 30)),
    )
    decision = the_decision(campaign, people=[person])
    assert decision.chosen_at == MIDNIGHT + timedelta(hours=21, minutes=30)


# Wordings.


def test_wordings_are_shared_by_the_belief_and_their_chance_is_kept() -> None:
    belief = VariantBelief(((0.6, 0.3, 0.1),) * 4, (0.0,) * 4, 0.7)
    result = planned(
        replace(CAMPAIGN, variants=VARIANTS), 3_000, past_outcomes=PastOutcomes(belief=belief)
    )
    for share, variant in zip((0.6, 0.3, 0.1), VARIANTS, strict=True):
        chances = {
            decision.variant_propensity
            for send, decision in zip(result.sends, result.decisions, strict=True)
            if send.variant_id == variant.variant_id
        }
        count = sum(send.variant_id == variant.variant_id for send in result.sends)
        assert chances == {share}
        assert abs(count - 3_000 * share) < 4 * (3_000 * share * (1 - share)) ** 0.5
    assert {decision.variant_evidence for decision in result.decisions} == {"too_little_data"}


def test_a_wording_that_suits_the_evening_draws_the_send_there() -> None:
    belief = VariantBelief(
        ((0.5, 0.5), (0.5, 0.5), (0.5, 0.5), (0.1, 0.9)), (0.0, 0.0, 0.0, 0.5), 0.7
    )
    decision = the_decision(
        replace(CAMPAIGN, variants=VARIANTS[:2]), past_outcomes=PastOutcomes(belief=belief)
    )
    assert decision.chosen_at == EIGHTEEN
    assert decision.variant_propensity in {0.1, 0.9}


def test_the_evening_is_that_of_the_users_clock() -> None:
    """In Tokyo it begins at 9:00 UTC."""
    belief = VariantBelief(
        ((0.5, 0.5), (0.5, 0.5), (0.5, 0.5), (0.1, 0.9)), (0.0, 0.0, 0.0, 0.5), 0.7
    )
    person = a_person(timezone="Asia/Tokyo")
    scores = {person.user_id: said(best_at=0.4)}
    campaign = replace(CAMPAIGN, variants=VARIANTS[:2])
    decision = the_decision(
        campaign, people=[person], scores=scores, past_outcomes=PastOutcomes(belief=belief)
    )
    assert decision.chosen_at == MIDNIGHT + 9 * HOUR
    assert decision.variant_propensity in {0.1, 0.9}


def test_whether_a_send_explores_says_nothing_of_its_wording() -> None:
    campaign = replace(EXPLORING, variants=VARIANTS[:2])
    result = planned(campaign, 2_000)
    explored = [
        send.variant_id
        for send, decision in zip(result.sends, result.decisions, strict=True)
        if decision.explored
    ]
    assert len(explored) > 400
    first = explored.count(VARIANTS[0].variant_id)
    assert abs(first / len(explored) - 0.5) < 4 * 0.5 / len(explored) ** 0.5
