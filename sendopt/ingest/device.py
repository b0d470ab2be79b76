"""Reads the registration of a device: whose it is, and where messages reach it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from pydantic import Field

from sendopt.errors import together
from sendopt.ingest.address import read_address
from sendopt.ingest.consent import ConsentBody, said_beside
from sendopt.ingest.fields import KnownChannel, Text, Timezone
from sendopt.ingest.reading import Reading
from sendopt.records import Channel, Device, DeviceId, Registration, UserId
from sendopt.state.devices import fingerprint
from sendopt.strict_json import StrictModel, examined


class DeviceBody(StrictModel):
    """A registration as JSON; what `address` holds depends on `channel`.

    Platform and zone stay where they are left out; null takes them back.
    """

    device_id: Text | None = None  # the installation's own id; without one, the address gives it
    user_id: Text
    channel: KnownChannel
    address: dict[str, Any] = Field(default_factory=dict)
    platform: Text | None = None
    timezone: Timezone | None = None
    consent: ConsentBody | None = None  # what the user says on being sent to at all


#: What a browser says of itself may be of no use ("Etc/Unknown", "+03:00") and costs no user.
_COSTS_ITSELF = "/timezone"
_CAN_BE_TAKEN_BACK = ("platform", "timezone")


def read_device(
    body: Any,
    *,
    now: datetime,
    allow_private_addresses: bool = False,
    consent: type[StrictModel] = ConsentBody,
) -> Reading[Registration]:
    """Read a registration; a zone that is none costs the zone alone, an opt-out always counts.

    It is refused for all that is wrong, as `token_invalid` (keys or secret), `url_not_allowed`,
    `zone_invalid` (beside others), `text_invalid`, `channel_unknown`, `missing_field`,
    `unknown_field`, `wrong_type`, and as `read_consent`. None of these repeats an address or a key.

    Args:
        body: parsed JSON.
        now: when it came in.
        allow_private_addresses: also take http, private addresses and this machine's own: for
            those who run the receiving end themselves, and for tests.
        consent: which fields may tell what the user says on being sent to.
    """
    beside = said_beside(body, now=now, form=consent)
    body, dropped = beside.rest, beside.dropped_fields
    read, faults = examined(DeviceBody, body)
    if faults and all(fault.field == _COSTS_ITSELF for fault in faults):
        dropped = (*dropped, *faults)
        body = {name: body[name] for name in body if name != "timezone"}
        read, faults = examined(DeviceBody, body)
    channel, given = _channel_and_address(body)
    address: dict[str, Any] = {}
    if channel is not None:
        address, of_address = read_address(
            channel, given, allow_private_addresses=allow_private_addresses
        )
        faults += of_address
    faults += beside.faults
    if read is None or faults:
        return Reading(None, together(faults), beside.opt_out, dropped)
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
    taken_back = frozenset(
        name for name in _CAN_BE_TAKEN_BACK if name in body and body[name] is None
    )
    return Reading(Registration(device, taken_back), None, beside.consent, dropped)


def _channel_and_address(body: Any) -> tuple[Channel | None, Any]:
    """Return what says how the address is read, and the address, of any JSON; None = unreadable."""
    if not isinstance(body, dict) or not isinstance(body.get("address", {}), dict):
        return None, None
    channel = next((each for each in Channel if each == body.get("channel")), None)
    return channel, body.get("address", {})
