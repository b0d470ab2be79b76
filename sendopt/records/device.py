"""Where messages go, and by what way."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sendopt.records.ids import DeviceId, UserId


class Channel(StrEnum):
    """How a message reaches a device."""

    WEB_PUSH = "web_push"
    WEBHOOK = "webhook"
    SIMULATOR = "simulator"


@dataclass(frozen=True, slots=True)
class Device:
    """One installation that can receive messages."""

    device_id: DeviceId
    user_id: UserId
    channel: Channel
    address: dict[str, Any]  # Web Push: endpoint, keys; webhook: url, secret; simulator: {}
    platform: str | None = None
    timezone: str | None = None
