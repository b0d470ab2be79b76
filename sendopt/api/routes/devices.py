"""Register where messages can reach a user."""

from __future__ import annotations

from fastapi import APIRouter

from sendopt.api import openapi, problems
from sendopt.api.answers import Answer
from sendopt.api.auth import DevicesRead, DevicesWrite, Facade
from sendopt.api.body import JsonBody
from sendopt.api.routing import Route
from sendopt.ingest.device import DeviceBody
from sendopt.records import Channel

router = APIRouter(prefix="/v1", tags=["devices"], route_class=Route)


class Device(Answer):
    """A registered device. Its address and keys are never shown again."""

    device_id: str
    user_id: str
    channel: Channel
    platform: str | None
    timezone: str | None


class WebPushKey(Answer):
    """What a browser needs before it can subscribe; public, and the same for every tenant."""

    application_server_key: str  # base64url, for PushManager.subscribe() (RFC 8292, section 4.1)


_EXAMPLE = {
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
    responses=problems.responses(400, 401, 408, 409, 413, 415, 422, 503),
    openapi_extra=openapi.takes(DeviceBody, example=_EXAMPLE),
)
def register_device(who: DevicesWrite, app: Facade, body: JsonBody) -> Device:
    """Register a device, or bring it up to date: the same device again changes nothing else."""
    return Device.model_validate(app.register_device(who.tenant_id, body))


@router.get("/web-push-key", responses=problems.responses(401, 503))
def web_push_key(
    who: DevicesRead,  # noqa: ARG001 - whoever asks must be a tenant, whichever
    app: Facade,
) -> WebPushKey:
    """Show the key with which browsers subscribe: `applicationServerKey` of the Push API.

    It stays for as long as the installation keeps its secrets; subscriptions are bound to it.
    """
    return WebPushKey(application_server_key=app.web_push_key())
