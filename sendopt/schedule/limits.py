"""Reads the limits of a tenant over all its campaigns, and writes them as they are read.

The document is a JSON object; `EXAMPLE` shows every field. It takes the place of the limits before
as a whole: a limit that it leaves out is none. Two things must be said, because nobody should find
them decided: the share of messages that are kept back, and whether the hours of the law hold.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field, PlainValidator, WithJsonSchema

from sendopt.clock import DURATION_PATTERN, duration_text, parse_duration
from sendopt.errors import InvalidInput, together
from sendopt.records import Capacity, Channel, FrequencyCap, SendingLimits
from sendopt.schedule.fields import Name
from sendopt.strict_json import StrictModel, examined

EXAMPLE: dict[str, Any] = {
    "caps": [  # in any window of this length, over all campaigns
        {"at_most": 2, "within": "24h"},
        {"at_most": 1, "within": "7d", "message_type": "promotion"},  # only of this type
        {"at_most": 12, "within": "30d"},
    ],
    "least_gap": "4h",  # optional; null = none
    "weekly_budget": 4,  # optional; null = none
    "capacities": [{"per_minute": 6000}, {"per_minute": 600, "channel": "webhook"}],
    "message_cost": 0.01,  # optional; of sending one, in expected responses
    "no_send_share": 0.02,  # of messages kept back to measure what sending does; 0 = none
    "legal_hours": True,  # whether the quiet hours of the law where a user lives hold
}

SHORTEST, LONGEST = timedelta(minutes=1), timedelta(days=90)
_MINUTE = timedelta(minutes=1)
_MOST_MESSAGES = 1_000
_MOST_PER_MINUTE = 1_000_000_000


def parse_limits(document: Any) -> SendingLimits:
    """Read limits from parsed JSON; their version is that of none yet.

    Caps and capacities come in an order of their own: what means the same is equal.

    Raises:
        InvalidInput: all that is wrong, each with a JSON Pointer; the code is that of the first,
            one of `strict_json.validate`, or `duration_invalid`, `id_invalid`, `limit_of_zero`,
            `duplicate_limit`.
    """
    given, faults = examined(LimitsDefinition, document)
    faults += _doubles(document)
    if given is None or faults:
        raise together(faults)
    return SendingLimits(
        caps=tuple(
            FrequencyCap(cap.at_most, cap.within, cap.message_type)
            for cap in sorted(given.caps, key=lambda cap: (cap.within, cap.message_type or ""))
        ),
        least_gap=given.least_gap,
        weekly_budget=given.weekly_budget,
        capacities=tuple(
            Capacity(each.per_minute, each.channel)
            for each in sorted(given.capacities, key=lambda each: each.channel or "")
        ),
        message_cost=given.message_cost,
        no_send_share=given.no_send_share,
        legal_hours=given.legal_hours,
    )


def limits_document(limits: SendingLimits) -> dict[str, Any]:
    """Return the document with every field that `parse_limits` reads as `limits`."""
    return {
        "caps": [
            {
                "at_most": cap.at_most,
                "within": duration_text(cap.within),
                "message_type": cap.message_type,
            }
            for cap in limits.caps
        ],
        "least_gap": None if limits.least_gap is None else duration_text(limits.least_gap),
        "weekly_budget": limits.weekly_budget,
        "capacities": [
            {"per_minute": each.per_minute, "channel": each.channel} for each in limits.capacities
        ],
        "message_cost": limits.message_cost,
        "no_send_share": limits.no_send_share,
        "legal_hours": limits.legal_hours,
    }


def _window(value: object) -> timedelta:
    """Read a length of time that messages are counted in.

    Raises:
        InvalidInput: `duration_invalid`.
    """
    expected = f"whole minutes, from {duration_text(SHORTEST)} to {duration_text(LONGEST)}"
    expected += ', such as "90m", "24h" or "7d"'
    try:
        window = parse_duration(value)
    except InvalidInput as error:
        raise InvalidInput(error.message, code=error.code, expected=expected) from error
    if window % _MINUTE or not SHORTEST <= window <= LONGEST:
        raise InvalidInput(
            f"{duration_text(window)} is no length that messages can be counted in",
            code="duration_invalid",
            expected=expected,
        )
    return window


def _not_zero(value: object) -> object:
    """Refuse a limit that leaves nothing; whether it is a number at all is looked at later.

    Raises:
        InvalidInput: `limit_of_zero`.
    """
    if type(value) is int and value == 0:
        raise InvalidInput(
            "0 would keep everything back for ever",
            code="limit_of_zero",
            expected="at least 1",
            hint="to send nothing, pause the campaigns; who wants nothing is opted out",
        )
    return value


def _doubles(document: Any) -> Iterator[InvalidInput]:
    """Yield every limit that says another number about what one before it is about."""
    if not isinstance(document, dict):
        return
    for at in _repeated(_cap_key(each) for each in _objects(document.get("caps"))):
        yield InvalidInput(
            "is about the same messages in the same time as one before",
            code="duplicate_limit",
            field=f"/caps/{at}",
            expected="one cap for each length of time and message type",
        )
    for at in _repeated(
        ("channel", each.get("channel")) if _is_name(each.get("channel")) else None
        for each in _objects(document.get("capacities"))
    ):
        yield InvalidInput(
            "is about the same channel as one before",
            code="duplicate_limit",
            field=f"/capacities/{at}",
            expected="one capacity for each channel, and one over all",
        )


def _objects(values: Any) -> Iterator[dict[str, Any]]:
    """Yield each of a list; in the place of what is no object an empty one."""
    for each in values if isinstance(values, list) else ():
        yield each if isinstance(each, dict) else {}


def _cap_key(cap: dict[str, Any]) -> Hashable | None:
    """Return what a cap is about; None = it cannot be told, which is told of its fields."""
    try:
        within = _window(cap.get("within"))
    except InvalidInput:
        return None
    of_type = cap.get("message_type")
    return (within, of_type) if _is_name(of_type) else None


def _is_name(value: Any) -> bool:
    return value is None or isinstance(value, str)


def _repeated(keys: Iterable[Hashable | None]) -> Iterator[int]:
    """Yield the place of each key that stood before; None is like no other."""
    seen = set[Hashable]()
    for at, key in enumerate(keys):
        if key is not None and key in seen:
            yield at
        seen.add(key)


Window = Annotated[
    timedelta,
    PlainValidator(_window),
    WithJsonSchema(
        {"type": "string", "pattern": f"^{DURATION_PATTERN}$", "examples": ["90m", "24h", "7d"]}
    ),
]
Messages = Annotated[int, Field(ge=1, le=_MOST_MESSAGES), BeforeValidator(_not_zero)]
PerMinute = Annotated[int, Field(ge=1, le=_MOST_PER_MINUTE), BeforeValidator(_not_zero)]


class CapDefinition(StrictModel):
    """At most so many marketing messages to one user in any window of this length."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE["caps"][0]]})

    at_most: Messages
    within: Window
    message_type: Name | None = None


class CapacityDefinition(StrictModel):
    """How many messages may fall due in a minute: of a channel, or of all together."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE["capacities"][0]]})

    per_minute: PerMinute
    channel: Annotated[Channel, Field(strict=False)] | None = None


class LimitsDefinition(StrictModel):
    """The limits of a tenant over all its campaigns; what is left out is no limit."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    caps: Annotated[list[CapDefinition], Field(default_factory=list, max_length=20)]
    least_gap: Window | None = None
    weekly_budget: Messages | None = None
    capacities: Annotated[
        list[CapacityDefinition], Field(default_factory=list, max_length=1 + len(Channel))
    ]
    message_cost: Annotated[float, Field(ge=0, le=1)] = 0.0
    no_send_share: Annotated[float, Field(ge=0, le=0.5)]
    legal_hours: bool
