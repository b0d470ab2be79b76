"""Register where messages can reach a user."""

from __future__ import annotations

from fastapi import APIRouter

from sendopt.api import problems
from sendopt.api.answers import Answer
from sendopt.api.auth import Facade, Tenant
from sendopt.api.body import JsonBody
from sendopt.records import Channel

router = APIRouter(prefix="/v1/devices", tags=["devices"])


class Device(Answer):
    """A registered device. Its address and keys are never shown again."""

    device_id: str
    user_id: str
    channel: Channel
    platform: str | None
    timezone: str | None


@router.post("", responses=problems.responses(400, 401, 408, 409, 413, 415, 422, 503))
def register_device(tenant_id: Tenant, app: Facade, body: JsonBody) -> Device:
    """Register a device, or bring it up to date: the same device again changes nothing else."""
    return Device.model_validate(app.register_device(tenant_id, body))
