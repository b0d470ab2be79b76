"""The arms of an experiment: who is in which, what each does, and what no definition may say."""

from __future__ import annotations

import json
from collections import Counter
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from schedule.test_choose import CAMPAIGN, EIGHTEEN, HOUR, MIDNIGHT, a_person, planned

from sendopt.errors import InvalidInput
from sendopt.records import (
    Arm,
    CampaignId,
    Experiment,
    FallbackReason,
    Holdout,
    MessageClass,
    Plan,
    Policy,
    SendId,
    SendState,
    ServedBy,
    TenantId,
    UserId,
)
from sendopt.schedule import EXAMPLE, as_revised, parse_campaign
from sendopt.schedule.arms import kept_back, kept_back_share, user_arms
from sendopt.schedule.planning_defaults import PlanningDefaults

NOW = datetime(2026, 10, 1, tzinfo=UTC)
SHARES = {
    Arm.OPTIMISED: 0.4,
    Arm.NO_SEND: 0.2,
    Arm.CONFIGURED: 0.1,
    Arm.RANDOM: 0.1,
    Arm.POPULATION_HOUR: 0.1,
    Arm.USER_HISTOGRAM: 0.1,
}
ALL_ARMS = replace(CAMPAIGN, experiment=Experiment(SHARES))
TENANT = TenantId("default")


def arms(experiment: Experiment, count: int = 20_000, **changes: Any) -> list[Arm | None]:
    given: dict[str, Any] = {"seed": 1, "tenant_id": TENANT} | changes
    users = [UserId(f"user-{number}") for number in range(count)]
    campaign = replace(CAMPAIGN, experiment=experiment)
    return user_arms(campaign, user_ids=users, **given).tolist()


def by_arm(plan: Plan) -> dict[Arm | None, list[Any]]:
    found: dict[Arm | None, list[Any]] = {}
    for send, decision in zip(plan.sends, plan.decisions, strict=True):
        found.setdefault(send.arm, []).append((send, decision))
    return found


# Who is in which.


def test_the_arms_have_their_shares_and_stay_over_campaigns() -> None:
    drawn = arms(Experiment(SHARES))
    for arm, share in SHARES.items():
        expected = 20_000 * share
        assert abs(drawn.count(arm) - expected) < 5 * (expected * (1 - share)) ** 0.5
    plans = [
        planned(replace(ALL_ARMS, campaign_id=CampaignId(name)), 200) for name in ("one", "two")
    ]
    first, second = ([send.arm for send in plan.sends] for plan in plans)
    assert first == second == drawn[:200]


def test_other_tenants_and_seeds_draw_otherwise() -> None:
    drawn = arms(Experiment(SHARES))
    for changes in ({"tenant_id": TenantId("other")}, {"seed": 2}):
        other = arms(Experiment(SHARES), **changes)
        alike = sum(share**2 for share in SHARES.values())
        same = sum(one is two for one, two in zip(drawn, other, strict=True)) / 20_000
        assert abs(same - alike) < 5 * (alike * (1 - alike) / 20_000) ** 0.5


def test_a_larger_share_of_no_send_keeps_back_whom_it_kept_back() -> None:
    small = arms(Experiment({Arm.NO_SEND: 0.1, Arm.CONFIGURED: 0.3, Arm.OPTIMISED: 0.6}))
    large = arms(Experiment({Arm.NO_SEND: 0.2, Arm.OPTIMISED: 0.8}))
    assert all(
        after is Arm.NO_SEND
        for before, after in zip(small, large, strict=True)
        if before is Arm.NO_SEND
    )


def test_the_caller_may_assign_the_arms_and_leave_some_users_out() -> None:
    given = {UserId("user-1"): Arm.CONFIGURED, UserId("user-2"): Arm.RANDOM}
    experiment = Experiment({Arm.CONFIGURED: 0.5, Arm.RANDOM: 0.5}, given)
    assert arms(experiment, 4) == [None, Arm.CONFIGURED, Arm.RANDOM, None]
    result = planned(replace(CAMPAIGN, experiment=experiment), people=[*map(a_person, range(3))])
    assert [send.arm for send in result.sends] == [None, Arm.CONFIGURED, Arm.RANDOM]
    assert [decision.policy for decision in result.decisions] == ["greedy", "configured", "random"]


# What each does.


def test_every_arm_goes_by_its_rule() -> None:
    evening, morning = np.zeros(24), np.zeros(24)
    evening[20], morning[[3, 9]] = 1.0, (2.0, 1.0)
    hours = {
        Policy.POPULATION_HOUR: np.broadcast_to(evening, (400, 24)),
        Policy.USER_HISTOGRAM: np.broadcast_to(morning, (400, 24)),
    }
    found = by_arm(planned(ALL_ARMS, 400, hours=hours))
    assert found.keys() == SHARES.keys()
    told = {
        arm: Counter((send.due_at, decision.policy) for send, decision in rows)
        for arm, rows in found.items()
        if arm is not Arm.RANDOM
    }
    noon = MIDNIGHT + 12 * HOUR
    assert {arm: set(counts) for arm, counts in told.items()} == {
        Arm.OPTIMISED: {(noon, "greedy")},
        Arm.NO_SEND: {(noon, "greedy")},
        Arm.CONFIGURED: {(EIGHTEEN, "configured")},
        Arm.POPULATION_HOUR: {(MIDNIGHT + 20 * HOUR, "population_hour")},
        Arm.USER_HISTOGRAM: {(MIDNIGHT + 9 * HOUR, "user_histogram")},
    }
    at_random = found[Arm.RANDOM]
    assert {decision.propensity for _, decision in at_random} == {1 / 14}
    assert len({send.due_at for send, _ in at_random}) > 5
    served = {arm: rows[0][1].served_by for arm, rows in found.items()}
    assert served[Arm.POPULATION_HOUR] is ServedBy.TENANT_HISTOGRAM
    assert served[Arm.USER_HISTOGRAM] is ServedBy.USER_HISTOGRAM
    nightly = found[Arm.USER_HISTOGRAM][0][1]
    assert nightly.binding_constraint == "quiet_hours", "three in the morning would be best"


def test_a_rule_that_knows_too_little_says_so() -> None:
    found = by_arm(planned(ALL_ARMS, 100))
    for arm in (Arm.POPULATION_HOUR, Arm.USER_HISTOGRAM):
        for send, decision in found[arm]:
            assert (send.due_at, decision.policy) == (EIGHTEEN, "fallback")
            assert decision.fallback_reason is FallbackReason.TOO_FEW_ANSWERS


def test_what_is_kept_back_has_the_time_that_it_would_have_had() -> None:
    people = [a_person(number) for number in range(100)]
    people[0] = a_person(0, suppressed_by="opted_out")
    experiment = Experiment(
        {Arm.NO_SEND: 0.5, Arm.OPTIMISED: 0.5},
        dict.fromkeys([person.user_id for person in people], Arm.NO_SEND),
    )
    plan = planned(replace(CAMPAIGN, experiment=experiment), people=people)
    reasons = Counter(send.reason for send in plan.sends)
    assert reasons == {"opted_out": 1, "kept_back": 99}, "who cannot be reached says so"
    for send, decision in [*zip(plan.sends, plan.decisions, strict=True)][1:]:
        assert (send.state, send.device_id) == (SendState.SUPPRESSED, None)
        assert send.due_at == decision.chosen_at == MIDNIGHT + 12 * HOUR
        assert decision.propensity == 1.0


# Messages that are kept back, whoever's they are.


def test_each_message_keeps_back_other_users() -> None:
    one, two = (
        kept_back(0.2, seed=1, send_ids=[SendId(f"s_{name}{number}") for number in range(20_000)])
        for name in "ab"
    )
    for drawn in (one, two):
        assert abs(drawn.mean() - 0.2) < 5 * (0.16 / 20_000) ** 0.5
    assert abs((one & two).mean() - 0.04) < 5 * (0.04 / 20_000) ** 0.5
    more = kept_back(0.3, seed=1, send_ids=[SendId(f"s_a{number}") for number in range(20_000)])
    assert (one <= more).all()
    assert not kept_back(0.0, seed=1, send_ids=[SendId("s_a")]).any()


def test_what_is_owed_is_never_kept_back() -> None:
    assert kept_back_share(CAMPAIGN, 0.1) == 0.1
    assert kept_back_share(replace(CAMPAIGN, urgent=True), 0.1) == 0.0
    owed = replace(CAMPAIGN, message_class=MessageClass.TRANSACTIONAL)
    assert kept_back_share(owed, 0.1) == 0.0


def test_a_share_of_messages_is_kept_back_with_a_chance_that_is_recorded() -> None:
    shares = {Arm.OPTIMISED: 0.5, Arm.NO_SEND: 0.3, Arm.CONFIGURED: 0.2}
    people = [*map(a_person, range(1_000)), a_person(1_000, suppressed_by="opted_out")]
    plan = planned(
        replace(CAMPAIGN, experiment=Experiment(shares)), people=people, no_send_share=0.2
    )
    drawn_for = [
        send
        for send, decision in zip(plan.sends, plan.decisions, strict=True)
        if decision.send_propensity is not None
    ]
    assert {decision.send_propensity for decision in plan.decisions} == {None, 0.8}
    kept = [send.reason == "kept_back" for send in drawn_for]
    assert abs(np.mean(kept) - 0.2) < 5 * (0.16 / len(kept)) ** 0.5
    assert {send.arm for send in drawn_for} == {Arm.OPTIMISED, Arm.CONFIGURED}
    assert plan.decisions[-1].send_propensity is None
    urgent = planned(replace(CAMPAIGN, urgent=True), 200, no_send_share=0.2)
    assert {send.state for send in urgent.sends} == {SendState.PLANNED}
    assert {decision.send_propensity for decision in urgent.decisions} == {None}


def test_a_revision_keeps_back_the_same_messages() -> None:
    first, second = (
        planned(replace(CAMPAIGN, revision=number), 300, no_send_share=0.2) for number in (1, 2)
    )
    assert [send.reason for send in first.sends] == [send.reason for send in second.sends]
    assert {send.reason for send in first.sends} == {None, "kept_back"}


# Definitions.

HASHED = {"optimised": 0.7, "configured": 0.1, "random": 0.1, "no_send": 0.1}


def defined(experiment: Any, **changes: Any) -> dict[str, Any]:
    definition = deepcopy(EXAMPLE) | {"experiment": experiment} | changes
    if definition["holdout"] is not None and "holdout" not in changes:
        del definition["holdout"]
    return json.loads(json.dumps(definition))


def test_a_definition_is_read_as_it_was_meant() -> None:
    defaults = PlanningDefaults(holdout=Holdout(0.2))
    campaign = parse_campaign(defined({"arms": HASHED}), now=NOW, defaults=defaults)
    assert campaign.experiment is not None
    assert campaign.experiment.shares == HASHED
    assert (campaign.experiment.assigned, campaign.holdout) == (None, None)
    given = {"arms": {"optimised": 0.5, "no_send": 0.5}, "assignment": "given"}
    given["assigned"] = {"user-7": "no_send"}
    campaign = parse_campaign(defined(given), now=NOW)
    assert campaign.experiment is not None
    assert campaign.experiment.assigned == {"user-7": Arm.NO_SEND}
    assert parse_campaign(defined(None), now=NOW, defaults=defaults).holdout == Holdout(0.2)


@pytest.mark.parametrize(
    ("experiment", "changes", "expected"),
    [
        ({"arms": {"optimised": 0.7, "random": 0.2}}, {}, {"/experiment/arms"}),
        ({"arms": {"optimised": 1.0}}, {}, {"/experiment/arms"}),
        ({"arms": {"optimised": 0.5, "holdout": 0.5}}, {}, {"/experiment/arms/holdout"}),
        ({"arms": {"optimised": "half", "random": 0.5}}, {}, {"/experiment/arms/optimised"}),
        ({"arms": HASHED}, {"holdout": {"share": 0.1}}, {"/experiment"}),
        ({"arms": HASHED}, {"urgent": True}, {"/experiment/arms/no_send"}),
        ({"arms": HASHED, "assignment": "given"}, {}, {"/experiment/assigned"}),
        ({"arms": HASHED, "assigned": {"user-7": "random"}}, {}, {"/experiment/assigned"}),
        (
            {
                "arms": {"optimised": 0.6, "random": 0.5},
                "assignment": "given",
                "assigned": {"user-7": "no_send", "user-8": "random", "user-9": "best"},
            },
            {"audience": ["user-7", "user-9"]},
            {
                "/experiment/arms",
                "/experiment/assigned/user-7",
                "/experiment/assigned/user-8",
                "/experiment/assigned/user-9",
            },
        ),
    ],
)
def test_every_fault_is_told_at_once(
    experiment: Any, changes: dict[str, Any], expected: set[str]
) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_campaign(defined(experiment, **changes), now=NOW)
    assert {fault.field for fault in refused.value.faults} == expected


def test_a_revision_leaves_everybody_in_their_arm() -> None:
    assigned = {"arms": {"optimised": 0.5, "random": 0.5}, "assignment": "given"}
    first = defined(assigned | {"assigned": {"user-7": "random"}})
    before = parse_campaign(first, now=NOW)

    def revised(definition: Any) -> Any:
        return as_revised(definition, before, at=NOW, defaults=PlanningDefaults())

    joined = {"user-7": "random", "user-8": "optimised"}
    assert revised(defined(assigned | {"assigned": joined})).revision == 2
    for other in (
        None,
        {"arms": HASHED},
        assigned | {"assigned": {"user-7": "optimised"}},
        assigned | {"assigned": {"user-8": "random"}},
    ):
        with pytest.raises(InvalidInput) as refused:
            revised(defined(other))
        assert refused.value.code == "experiment_settled"
