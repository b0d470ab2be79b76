"""Opens the channels: the one place that chooses providers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from sendopt.app.secrets import Secrets
from sendopt.clock import Clock
from sendopt.deliver import Provider
from sendopt.deliver.providers import (
    SimulatorProvider,
    Transport,
    Vapid,
    WebhookProvider,
    WebPushProvider,
)
from sendopt.records import Channel, Message
from sendopt.settings import DeliverSettings


def open_channels(
    settings: DeliverSettings,
    secrets: Secrets,
    clock: Clock,
    random_bytes: Callable[[int], bytes],
    *,
    on_simulated: Callable[[Message], None],
) -> dict[Channel, Provider]:
    """Return a provider for every channel. Not to be shared by two threads."""
    transport = Transport(
        timeout=timedelta(seconds=settings.timeout_seconds),
        allow_private_addresses=settings.allow_private_addresses,
    )
    vapid = Vapid(secrets.vapid_private_key_pem, settings.vapid_subject)
    return {
        Channel.WEB_PUSH: WebPushProvider(transport, vapid, clock, random_bytes=random_bytes),
        Channel.WEBHOOK: WebhookProvider(transport, clock),
        Channel.SIMULATOR: SimulatorProvider(on_simulated),
    }


def public_web_push_key(secrets: Secrets) -> str:
    """Return the key that a browser must be given to subscribe (Push API), base64url."""
    return Vapid(secrets.vapid_private_key_pem).application_server_key
