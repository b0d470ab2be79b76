"""Reads a campaign's definition and refuses what could never be sent as it was meant.

The definition is a JSON object; `EXAMPLE` shows every field. Instants carry a zone (RFC 3339),
local times are "HH:MM" on each user's own clock.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, WithJsonSchema

from sendopt.clock import as_utc
from sendopt.errors import InvalidInput, together
from sendopt.records import (
    NO_EXPLORATION,
    Campaign,
    CampaignId,
    Channel,
    Exploration,
    Holdout,
    HoldoutTime,
    MessageClass,
    Policy,
    QuietHours,
    UserId,
    Variant,
    VariantId,
)
from sendopt.schedule.contradictions import contradictions
from sendopt.schedule.experiment import ExperimentDefinition, experiment
from sendopt.schedule.fields import USER_SCHEMA, Instant, LocalTime, Name, Text, Url, User
from sendopt.schedule.planning_defaults import PLANNING_DEFAULTS, PlanningDefaults
from sendopt.schedule.policy import THOMPSON_FLOOR
from sendopt.schedule.send_window import INSTANTS_EXAMPLE, WindowDefinition
from sendopt.schedule.window_faults import MAX_SLOTS
from sendopt.strict_json import StrictModel, examined

EXAMPLE: dict[str, Any] = {
    "campaign_id": "autumn-sale",
    "channel": "web_push",
    "variants": [
        {
            "variant_id": "plain",
            "title": "Autumn sale",
            "body": "Everything warm at half the price, until Sunday.",
            "url": "https://shop.example/autumn",  # optional: nothing to click
        }
    ],
    "send_window": INSTANTS_EXAMPLE,  # earliest_at <= t < latest_at; or in local dates
    "audience": "everyone",  # or a list of user ids; or "triggered", one user at a time
    "quiet_hours": {"start": "22:00", "end": "08:00"},  # null = none; to wake people must be said
    "slot_minutes": 60,  # optional, this is the default
    "candidate_times": {  # optional: these users get one of these times and no other
        "user-7": ["2026-10-25T09:00:00+01:00", "2026-10-25T18:00:00+01:00"]
    },
    "fallback_local_time": "18:00",  # optional, this is the default
    "message_type": "promotion",  # optional
    "message_class": "marketing",  # optional, this is the default; or "transactional", "urgent"
    "response_value": 1.0,  # optional, this is the default; beside that of other campaigns
    "time_to_live_minutes": 240,  # optional, this is the default
    "urgent": False,  # optional, this is the default; true = nothing is explored with it
    "least_confidence": 0.5,  # optional: from here on a gain moves a send from the fallback time
    "exploration": {"policy": "epsilon_greedy", "epsilon": 0.1},  # optional
    "holdout": {"share": 0.1, "time": "configured"},  # optional; null = none
    "experiment": None,  # optional; several arms in the place of a holdout
    "variant_choice": "learned",  # optional, this is the default; or "even"
}

_DAY_MINUTES = 24 * 60


def parse_campaign(
    definition: Any, *, now: datetime, defaults: PlanningDefaults = PLANNING_DEFAULTS
) -> Campaign:
    """Read a campaign from parsed JSON.

    `now` decides whether the window is over. To read a stored definition again, pass the instant
    at which it was accepted. `defaults` holds where the definition is silent.

    Raises:
        InvalidInput: all that is wrong, each with a JSON Pointer; the code is that of the first,
            one of `strict_json.validate`, or `time_invalid`, `window_invalid`, `no_feasible_slot`,
            `id_invalid`, `duplicate_id`, `audience_invalid`, `text_invalid`, `payload_too_large`,
            `url_not_allowed`, `exploration_invalid`, `experiment_invalid`, `placeholder_unfilled`.
    """
    given, faults = examined(CampaignDefinition, definition)
    faults += contradictions(definition, now=as_utc(now))
    if given is None or faults:
        raise together(faults)
    quiet = given.quiet_hours
    times = given.candidate_times
    earliest_at, latest_at = given.send_window.ends
    at_once = given.message_class is not MessageClass.MARKETING
    return Campaign(
        campaign_id=CampaignId(given.campaign_id),
        variants=tuple(
            Variant(VariantId(variant.variant_id), variant.title, variant.body, variant.url)
            for variant in given.variants
        ),
        channel=given.channel,
        earliest_at=earliest_at,
        latest_at=latest_at,
        local_window=given.send_window.local,
        audience=None if given.audience is None else tuple(map(UserId, given.audience)),
        quiet_hours=None if quiet is None else QuietHours(quiet.start, quiet.end),
        slot=timedelta(minutes=given.slot_minutes),
        candidate_times=(
            None if times is None else {UserId(user): tuple(times[user]) for user in times}
        ),
        fallback_local_time=given.fallback_local_time,
        message_type=given.message_type,
        time_to_live=timedelta(minutes=given.time_to_live_minutes),
        exploration=(
            NO_EXPLORATION if at_once else _exploration(given.exploration, defaults.exploration)
        ),
        holdout=_holdout(given, None if at_once else defaults.holdout),
        experiment=experiment(given.experiment),
        least_confidence=None if at_once else _least_confidence(given, defaults),
        urgent=given.urgent or given.message_type in defaults.urgent_message_types,
        learn_variants=given.variant_choice == "learned",
        message_class=given.message_class,
        response_value=given.response_value,
        at_once=at_once,
    )


def _audience(value: object) -> object:
    """Take the words for all and for nobody; as None and [] in JSON they would only be slips."""
    if value == "everyone":
        return None
    if value == "triggered":
        return []
    if not isinstance(value, list):
        raise InvalidInput(
            "is no audience",
            code="wrong_type",
            expected='"everyone", a list of user ids, or "triggered"',
        )
    if not value:
        raise InvalidInput(
            "is empty", code="audience_invalid", expected='at least one user id, or "everyone"'
        )
    return value


def _slot_minutes(value: int) -> int:
    if not 5 <= value <= _DAY_MINUTES or _DAY_MINUTES % value:
        raise InvalidInput(
            f"{value} minutes do not divide a day",
            expected="a divisor of 1440, from 5 on, such as 15, 30 or 60",
        )
    return value


def _shown_as(example: Any) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [example]})


class VariantDefinition(StrictModel):
    """One wording."""

    model_config = _shown_as(EXAMPLE["variants"][0])

    variant_id: Name
    title: Text
    body: Text
    url: Url | None = None


class QuietHoursDefinition(StrictModel):
    """Local times when nobody is disturbed: `start <= t < end`, over midnight if start > end."""

    model_config = _shown_as(EXAMPLE["quiet_hours"])

    start: LocalTime
    end: LocalTime


class ExplorationDefinition(StrictModel):
    """How far the choice may leave the best slot to learn about others."""

    model_config = _shown_as(EXAMPLE["exploration"])

    policy: Literal["greedy", "epsilon_greedy", "thompson"]
    epsilon: Annotated[float, Field(ge=0, le=0.5)] | None = None
    share: Annotated[float, Field(ge=0, le=0.5)] | None = None
    per_user_30_days: Annotated[int, Field(ge=0, le=100)] | None = None


class HoldoutDefinition(StrictModel):
    """The users who are kept out of the optimisation, and when they get their message."""

    model_config = _shown_as(EXAMPLE["holdout"])

    share: Annotated[float, Field(ge=0, le=0.5)]
    time: Literal["configured", "random"] = "configured"


class MessageDefinition(StrictModel):
    """What is said, to whom, and within which limits times are chosen, whenever it is sent."""

    channel: Annotated[Channel, Field(strict=False)]  # strict mode wants the enum, JSON has text
    variants: Annotated[list[VariantDefinition], Field(min_length=1, max_length=20)]
    audience: Annotated[
        list[User] | None,
        BeforeValidator(_audience),
        WithJsonSchema(
            {
                "anyOf": [
                    {"enum": ["everyone", "triggered"]},
                    {"type": "array", "minItems": 1, "items": USER_SCHEMA},
                ]
            }
        ),
    ]
    quiet_hours: QuietHoursDefinition | None
    slot_minutes: Annotated[
        int,
        AfterValidator(_slot_minutes),
        WithJsonSchema(
            {
                "type": "integer",
                "enum": [n for n in range(5, _DAY_MINUTES + 1) if not _DAY_MINUTES % n],
            }
        ),
    ] = 60
    fallback_local_time: LocalTime = time(hour=18)
    message_type: Name | None = None
    message_class: Annotated[MessageClass, Field(strict=False)] = MessageClass.MARKETING
    response_value: Annotated[float, Field(gt=0, le=1_000)] = 1.0
    time_to_live_minutes: Annotated[int, Field(ge=1, le=28 * _DAY_MINUTES)] = 240
    urgent: bool = False
    least_confidence: Annotated[float, Field(ge=0.5, lt=1)] | None = None
    exploration: ExplorationDefinition | None = None
    holdout: HoldoutDefinition | None = None
    experiment: ExperimentDefinition | None = None
    variant_choice: Literal["learned", "even"] = "learned"


class CampaignDefinition(MessageDefinition):
    """What a campaign says, to whom, and within which limits its times are chosen."""

    campaign_id: Name
    send_window: WindowDefinition
    candidate_times: (
        dict[User, Annotated[list[Instant], Field(min_length=1, max_length=MAX_SLOTS)]] | None
    ) = None


def _exploration(given: ExplorationDefinition | None, defaults: Exploration) -> Exploration:
    """Return what the campaign says, with the default budgets where it names none."""
    if given is None:
        return defaults
    return Exploration(
        policy=Policy(given.policy),
        epsilon=(0.0 if given.policy == "greedy" else THOMPSON_FLOOR)
        if given.epsilon is None
        else given.epsilon,
        share=defaults.share if given.share is None else given.share,
        per_user=defaults.per_user if given.per_user_30_days is None else given.per_user_30_days,
    )


def _holdout(given: CampaignDefinition, default: Holdout | None) -> Holdout | None:
    """Return who is held out; an experiment has arms of its own in the place of a holdout."""
    if "holdout" not in given.model_fields_set:
        return default if given.experiment is None else None
    said = given.holdout
    return None if said is None or said.share == 0 else Holdout(said.share, HoldoutTime(said.time))


def _least_confidence(given: CampaignDefinition, defaults: PlanningDefaults) -> float | None:
    """Return from which confidence on a gain counts: only who chose a time can be held to it."""
    if given.least_confidence is not None:
        return given.least_confidence
    chosen = "fallback_local_time" in given.model_fields_set
    return defaults.least_confidence if chosen else None
