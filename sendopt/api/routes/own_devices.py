"""Let a browser speak for its user: register itself, log out, tell what it showed."""

from __future__ import annotations

from dataclasses import asdict

from fastapi import APIRouter, Request

from sendopt.api import openapi, problems
from sendopt.api.auth import DeviceTokensWrite, Facade, OwnDevice
from sendopt.api.body import JsonBody, OptionalBody
from sendopt.api.ids import PathDeviceId, PathId, PathUserId
from sendopt.api.routes.devices import EXAMPLE
from sendopt.api.routes.sends import REPORT_CODES
from sendopt.api.routing import Route
from sendopt.api.schemas.devices import RegisteredDevice
from sendopt.api.schemas.own_devices import DeviceToken, DeviceTokenBody, OwnDeviceBody
from sendopt.api.schemas.sends import Reported
from sendopt.records import DeviceId, SendId, UserId
from sendopt.strict_json import validate
from sendopt.track.reports import ReportBody

_REGISTRATION = {
    404: ["device_unknown", "not_found"],
    422: ["token_invalid", "url_not_allowed", "zone_invalid", "null_spelled"],
}
_EXAMPLE = {name: EXAMPLE[name] for name in ("address", "platform", "timezone")}

router = APIRouter(prefix="/v1", tags=["devices"], route_class=Route)


@router.post(
    "/users/{user_id}/device-token",
    status_code=201,
    responses=problems.responses(
        {404: ["not_found"], 409: ["user_erased"], 503: ["secrets_unusable"]}, body=True
    ),
    openapi_extra=openapi.takes(DeviceTokenBody, example={"expires_in_seconds": 3600}),
)
def issue_device_token(
    who: DeviceTokensWrite, app: Facade, user_id: PathUserId, body: OptionalBody
) -> DeviceToken:
    """Make a token for a browser of this user, whom your own server knows.

    With it the browser may register and delete its own devices and report what it showed, under
    `/v1/me`, and nothing else. It ends by itself, with the user, and with the keys of the home.
    """
    lifetime = validate(DeviceTokenBody, body).lifetime
    return DeviceToken.of(app.for_(who).device_tokens.issue(UserId(user_id), lifetime=lifetime))


@router.post(
    "/me/devices",
    responses=problems.responses(_REGISTRATION, body=True),
    openapi_extra=openapi.takes(OwnDeviceBody, example=_EXAMPLE),
)
def register_own_device(who: OwnDevice, app: Facade, body: JsonBody) -> RegisteredDevice:
    """Register this browser for the user of the token, by its push subscription."""
    registered = app.for_device(who).register(body)
    return RegisteredDevice.of(
        {**asdict(registered.device), "dropped_fields": registered.dropped_fields}
    )


@router.delete(
    "/me/devices/{device_id}",
    status_code=204,
    responses=problems.responses({404: ["device_unknown", "not_found"]}),
)
def delete_own_device(who: OwnDevice, app: Facade, device_id: PathDeviceId) -> None:
    """Forget a device of the user of the token; another user's is unknown here."""
    app.for_device(who).delete(DeviceId(device_id))


@router.post(
    "/me/sends/{send_id}/responses",
    responses=problems.responses({404: ["send_unknown", "not_found"]} | REPORT_CODES, body=True),
    openapi_extra=openapi.takes(ReportBody, example={"kind": "open"}),
)
def report_own_response(
    request: Request, who: OwnDevice, app: Facade, send_id: PathId, body: JsonBody
) -> Reported:
    """Take in that a send arrived at its user, was opened, dismissed or answered with a no."""
    verdict = app.for_device(who).report(SendId(send_id), body)
    request.app.state.metrics.count_response(who.tenant_id, verdict.kind, repeated=verdict.repeated)
    return Reported.of(verdict)
