"""Register where messages can reach a user."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query, Response

from sendopt.api import openapi, problems
from sendopt.api.auth import DevicesRead, DevicesWrite, Facade
from sendopt.api.body import JsonBody, ManyBodies
from sendopt.api.ids import PathDeviceId, QueryUserId
from sendopt.api.many import BATCH_CODES, BODY_RESPONSES, MAX_BODIES, told
from sendopt.api.paging import PAGED, Paged
from sendopt.api.routing import Route
from sendopt.api.schemas.bodies import BodyVerdicts
from sendopt.api.schemas.devices import ListedDevice, RegisteredDevice, WebPushKey
from sendopt.api.schemas.page import Page
from sendopt.ingest.device import DeviceBody
from sendopt.records import DeviceId, UserId

router = APIRouter(prefix="/v1", tags=["devices"], route_class=Route)

_CODES = {
    409: ["user_erased"],
    422: ["channel_unknown", "token_invalid", "url_not_allowed", "zone_invalid", "null_spelled"],
}
EXAMPLE = {
    "device_id": "install-4f1c",
    "user_id": "user-7",
    "channel": "web_push",
    "address": {  # what PushSubscription.toJSON() gives in a browser
        "endpoint": "https://updates.push.services.mozilla.com/wpush/v2/gAAAA",
        "keys": {  # RFC 8291, appendix A
            "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6S"
            "RpkNtoIAiw4",
            "auth": "BTBZMqHH6r4Tts7J_aSIgg",
        },
    },
    "platform": "Firefox",
    "timezone": "Europe/Vienna",
}


@router.post(
    "/devices",
    responses=problems.responses(_CODES, body=True),
    openapi_extra=openapi.takes(DeviceBody, example=EXAMPLE),
)
def register_device(who: DevicesWrite, app: Facade, body: JsonBody) -> RegisteredDevice:
    """Register a device, or bring it up to date: the same device again changes nothing else.

    The same address, or the same id, is the same device. Its platform and zone stay where they are
    not said, and null takes them back; registered for another user it is that user's from then on.
    A zone that is none costs the zone, not the registration: see `dropped_fields`. `consent` is
    what the user says on being sent to at all; an opt-out in it counts whatever becomes of the
    rest.
    """
    registered = app.for_(who).devices.register(body)
    return RegisteredDevice.of(
        {**asdict(registered.device), "dropped_fields": registered.dropped_fields}
    )


@router.post(
    "/devices/import",
    responses=BODY_RESPONSES | problems.responses({422: [*_CODES[422], *BATCH_CODES]}, body=True),
    openapi_extra=openapi.takes(DeviceBody, example=[EXAMPLE], up_to=MAX_BODIES),
)
def import_devices(
    response: Response, who: DevicesWrite, app: Facade, body: ManyBodies
) -> BodyVerdicts:
    """Register up to 500 devices: an array of them, or a line each (`application/x-ndjson`).

    Every device gets its verdict, in order. 200: all of them are on disk, now or before. 207: at
    least one was refused; nothing of it was stored but an opt-out, everything else was. Files with
    any number of them go to `sendopt devices import`.
    """
    return told(app.for_(who).devices.register_all(body), response)


@router.get("/devices", responses=problems.responses(PAGED))
def list_devices(
    who: DevicesRead,
    app: Facade,
    paging: Paged,
    *,
    user_id: Annotated[QueryUserId | None, Query(description="Only this user's.")] = None,
    dead: Annotated[
        bool | None, Query(description="Only those that are gone; or only the living.")
    ] = None,
) -> Page[ListedDevice]:
    """List devices by id, without their addresses."""
    found = app.for_(who).devices.page(
        user_id=None if user_id is None else UserId(user_id),
        dead=dead,
        behind=paging.behind(DeviceId, str),
        limit=paging.limit,
    )
    return paging.page(found, ListedDevice.of)


@router.delete(
    "/devices/{device_id}",
    status_code=204,
    responses=problems.responses({404: ["device_unknown", "not_found"]}),
)
def delete_device(who: DevicesWrite, app: Facade, device_id: PathDeviceId) -> None:
    """Forget a device, as when its user logs out there: nothing goes to it until it registers."""
    app.for_(who).devices.delete(DeviceId(device_id))


@router.get("/web-push-key", responses=problems.responses({503: ["secrets_unusable"]}))
def get_web_push_key(
    who: DevicesWrite,
    app: Facade,
) -> WebPushKey:
    """Show the key with which browsers subscribe: `applicationServerKey` of the Push API.

    It stays for as long as the installation keeps its secrets; subscriptions are bound to it.
    """
    return WebPushKey(application_server_key=app.for_(who).devices.web_push_key())
