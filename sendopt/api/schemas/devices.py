"""What is said of devices."""

from __future__ import annotations

from datetime import datetime

from sendopt.api.schemas.answer import Answer, DroppedField, shown_as
from sendopt.records import Channel


class RegisteredDevice(Answer):
    """A device as it is stored. Its address and keys are never shown again."""

    model_config = shown_as(
        {
            "device_id": "install-4f1c",
            "user_id": "user-7",
            "channel": "web_push",
            "platform": "Firefox",
            "timezone": None,
            "dropped_fields": [
                {
                    "field": "/timezone",
                    "code": "zone_invalid",
                    "message": '"Etc/Unknown" is no time zone',
                    "expected": "an IANA name such as Europe/Berlin",
                    "hint": None,
                }
            ],
        }
    )

    device_id: str
    user_id: str
    channel: Channel
    platform: str | None
    timezone: str | None
    dropped_fields: list[DroppedField]
    """What could not be read, and counts as not said."""


class ListedDevice(Answer):
    """A device, and whether it still lives."""

    model_config = shown_as(
        {
            "device_id": "install-4f1c",
            "user_id": "user-7",
            "channel": "web_push",
            "platform": "Firefox",
            "timezone": "Europe/Vienna",
            "registered_at": "2026-10-01T09:30:00Z",
            "dead_at": None,
            "dead_reason": None,
        }
    )

    device_id: str
    user_id: str
    channel: Channel
    platform: str | None
    timezone: str | None
    registered_at: datetime
    dead_at: datetime | None
    """Since when its provider knows it no more."""
    dead_reason: str | None


class WebPushKey(Answer):
    """What a browser needs before it can subscribe; public, and the same for every tenant."""

    model_config = shown_as(
        {
            "application_server_key": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXv"
            "TBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
        }
    )

    application_server_key: str
    """base64url, for PushManager.subscribe() (RFC 8292, section 4.1)."""
