"""Events as Arrow columns."""

from __future__ import annotations

import json
from collections.abc import Iterable

import pyarrow as pa

from sendopt.clock import as_utc
from sendopt.records import Event

#: The Event contract as columns. `attributes` is a JSON object as text, `{}` when empty.
EVENT_SCHEMA = pa.schema(
    [
        pa.field("event_id", pa.string(), nullable=False),
        pa.field("user_id", pa.string(), nullable=False),
        pa.field("event_type", pa.string(), nullable=False),
        pa.field("occurred_at", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("send_id", pa.string()),
        pa.field("campaign_id", pa.string()),
        pa.field("variant_id", pa.string()),
        pa.field("message_type", pa.string()),
        pa.field("channel", pa.string()),
        pa.field("platform", pa.string()),
        pa.field("timezone", pa.string()),
        pa.field("propensity", pa.float64()),
        pa.field("attributes", pa.string(), nullable=False),
    ]
)


def event_table(events: Iterable[Event]) -> pa.Table:
    """Return `events` as a table with EVENT_SCHEMA, in their order."""
    rows = [
        {
            "event_id": event.event_id,
            "user_id": event.user_id,
            "event_type": event.event_type.value,
            "occurred_at": as_utc(event.occurred_at),
            "send_id": event.send_id,
            "campaign_id": event.campaign_id,
            "variant_id": event.variant_id,
            "message_type": event.message_type,
            "channel": event.channel,
            "platform": event.platform,
            "timezone": event.timezone,
            "propensity": event.propensity,
            # Sorted and compact: equal attributes are equal text, so a repeat is seen as one.
            "attributes": json.dumps(
                event.attributes, sort_keys=True, separators=(",", ":"), ensure_ascii=False
            ),
        }
        for event in events
    ]
    return pa.Table.from_pylist(rows, schema=EVENT_SCHEMA)
