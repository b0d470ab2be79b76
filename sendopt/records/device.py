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


@dataclass(frozen=True, slots=True)
class Registration:
    """What somebody says of a device."""

    device: Device
    #: Of `platform` and `timezone`, what is said to be none; what is None besides is not said.
    taken_back: frozenset[str] = frozenset()
