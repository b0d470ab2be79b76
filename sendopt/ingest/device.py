"""Reads the registration of a device: whose it is, and where messages reach it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from pydantic import Field

from sendopt.errors import InvalidInput, together
from sendopt.ingest.address import read_address
from sendopt.ingest.fields import KnownChannel, Text, Timezone
from sendopt.records import Channel, Device, DeviceId, UserId
from sendopt.state.devices import fingerprint
from sendopt.strict_json import StrictModel, examined


class DeviceBody(StrictModel):
    """A registration as JSON; what `address` holds depends on `channel`."""

    device_id: Text | None = None  # the installation's own id; without one, the address gives it
    user_id: Text
    channel: KnownChannel
    address: dict[str, Any] = Field(default_factory=dict)
    platform: Text | None = None
    timezone: Timezone | None = None


@dataclass(frozen=True, slots=True)
class Registration:
    """A device, and what of its registration could not be read and counts as not said."""

    device: Device
    dropped_fields: tuple[InvalidInput, ...] = ()


#: What a browser says of itself may be of no use ("Etc/Unknown", "+03:00") and costs no user.
_COSTS_ITSELF = "/timezone"


def parse_device(body: Any, *, allow_private_addresses: bool = False) -> Registration:
    """Read a registration; a zone that is none costs the zone alone.

    Args:
        body: parsed JSON.
        allow_private_addresses: also take http, private addresses and this machine's own: for
            those who run the receiving end themselves, and for tests.

    Raises:
        InvalidInput: all that is wrong, as `token_invalid` (keys or secret), `url_not_allowed`,
            `zone_invalid` (beside others), `text_invalid`, `channel_unknown`, `missing_field`,
            `unknown_field`, `wrong_type`. None of them repeats an address or a key.
    """
    read, faults = examined(DeviceBody, body)
    dropped: tuple[InvalidInput, ...] = ()
    if faults and all(fault.field == _COSTS_ITSELF for fault in faults):
        dropped = tuple(faults)
        read, faults = examined(
            DeviceBody, {name: body[name] for name in body if name != "timezone"}
        )
    channel, given = _channel_and_address(body)
    address: dict[str, Any] = {}
    if channel is not None:
        address, of_address = read_address(
            channel, given, allow_private_addresses=allow_private_addresses
        )
        faults += of_address
    if read is None or faults:
        raise together(faults)
    device = Device(
        device_id=DeviceId(read.device_id or ""),
        user_id=UserId(read.user_id),
        channel=read.channel,
        address=address,
        platform=read.platform,
        timezone=read.timezone,
    )
    if read.device_id is None:
        device = replace(device, device_id=DeviceId(f"d_{fingerprint(device)[:32]}"))
    return Registration(device, dropped)


def _channel_and_address(body: Any) -> tuple[Channel | None, Any]:
    """Return what says how the address is read, and the address, of any JSON; None = unreadable."""
    if not isinstance(body, dict) or not isinstance(body.get("address", {}), dict):
        return None, None
    channel = next((each for each in Channel if each == body.get("channel")), None)
    return channel, body.get("address", {})
