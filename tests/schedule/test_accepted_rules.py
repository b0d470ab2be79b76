"""A campaign keeps the rules under which it was accepted, whatever is set or released later."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendopt import schedule
from sendopt.errors import InvariantBroken
from sendopt.records import Exploration, Holdout, HoldoutTime, MessageClass, Policy
from sendopt.schedule import PlanningDefaults
from sendopt.schedule.accepted_rules import rules_of, under_rules

NOW = datetime(2026, 10, 1, tzinfo=UTC)
SHARES = st.floats(0.01, 0.5)
DEFAULTS = st.builds(
    PlanningDefaults,
    exploration=st.builds(
        Exploration,
        policy=st.sampled_from(Policy),
        epsilon=SHARES,
        share=SHARES,
        per_user=st.integers(0, 30),
    ),
    holdout=st.none() | st.builds(Holdout, share=SHARES, time=st.sampled_from(HoldoutTime)),
    least_confidence=SHARES,
    urgent_message_types=st.frozensets(st.sampled_from(["sale", "alert"])),
)
SAID: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "holdout": st.none() | st.just({"share": 0.2, "time": "random"}),
        "exploration": st.just({"policy": "epsilon_greedy", "epsilon": 0.1}),
        "message_type": st.sampled_from(["sale", "alert"]),
        "urgent": st.booleans(),
        "slot_minutes": st.sampled_from([30, 60]),
        "time_to_live_minutes": st.integers(10, 600),
        "fallback_local_time": st.sampled_from(["08:30", "18:00"]),
        "variant_choice": st.sampled_from(["learned", "even"]),
        "message_class": st.just("marketing"),
        "response_value": st.floats(0, 1000, exclude_min=True),
    },
)


def a_definition(said: dict[str, Any]) -> dict[str, Any]:
    return {
        "campaign_id": "c",
        "channel": "simulator",
        "variants": [{"variant_id": "v", "title": "t", "body": "b"}],
        "send_window": {
            "earliest_at": "2026-10-02T00:00:00Z",
            "latest_at": "2026-10-03T00:00:00Z",
        },
        "quiet_hours": None,
        "audience": "everyone",
        **said,
    }


@given(said=SAID, defaults=DEFAULTS, later=DEFAULTS)
def test_rules_outlive_every_change_of_the_settings(
    said: dict[str, Any], defaults: PlanningDefaults, later: PlanningDefaults
) -> None:
    definition = a_definition(said)
    accepted = schedule.parse_campaign(definition, now=NOW, defaults=defaults)
    stored = json.loads(json.dumps(rules_of(accepted)))
    assert schedule.as_accepted(definition, stored, at=NOW, defaults=later) == accepted


def test_what_nobody_knows_any_more_is_not_guessed() -> None:
    silent = schedule.as_accepted(a_definition({}), None, at=NOW)
    assert silent.holdout is None
    said = {"holdout": {"share": 0.2, "time": "random"}}
    named = schedule.as_accepted(a_definition(said), None, at=NOW)
    assert named.holdout == Holdout(0.2, HoldoutTime.RANDOM)


def test_rules_of_a_newer_release_are_refused() -> None:
    campaign = schedule.parse_campaign(a_definition({}), now=NOW)
    with pytest.raises(InvariantBroken) as refused:
        under_rules(campaign, rules_of(campaign) | {"version": 3})
    assert refused.value.code == "rules_unknown"


def test_rules_of_before_there_were_classes_are_read_as_marketing() -> None:
    campaign = schedule.parse_campaign(a_definition({"urgent": True}), now=NOW)
    added = ("message_class", "response_value", "message_type")
    of_before = {name: value for name, value in rules_of(campaign).items() if name not in added}
    assert schedule.as_accepted(a_definition({}), of_before | {"version": 1}, at=NOW) == campaign
    assert (campaign.message_class, campaign.response_value) == (MessageClass.MARKETING, 1.0)


@pytest.mark.parametrize("message_class", MessageClass)
def test_the_class_of_a_message_is_kept(message_class: MessageClass) -> None:
    definition = a_definition({"message_class": message_class.value, "message_type": "receipt"})
    campaign = schedule.parse_campaign(definition, now=NOW)
    assert campaign.message_class is message_class
    stored = json.loads(json.dumps(rules_of(campaign)))
    assert (stored["message_class"], stored["message_type"]) == (message_class, "receipt")
    assert under_rules(campaign, stored) == campaign
