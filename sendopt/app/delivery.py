"""Use cases around a device: who it belongs to, what it gets, what comes back."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import cached_property
from typing import Any

from sendopt import ingest, track
from sendopt.app.channels import open_channels, public_web_push_key
from sendopt.app.secrets import (
    Secrets,
    load_or_create_secrets,
    lost_secrets,
    secrets_file,
)
from sendopt.app.stores import Stores
from sendopt.deliver import ClaimPolicy, Dispatcher, RetryPolicy
from sendopt.ingest.device import Registration
from sendopt.records import Channel, DeviceId, Message, SendId, TenantId, UserId
from sendopt.state import devices, users
from sendopt.state.secrets_in_use import are_secrets_in_use


class Delivery(Stores):
    """Users, their devices, hand-over, clicks and responses."""

    @cached_property
    def secrets(self) -> Secrets:
        """The keys of the home; made at first use, and never again once anything depends on them.

        Raises:
            InvalidInput: `secrets_unusable`.
        """
        if not secrets_file(self.settings.home).exists():
            with self.state.read_fleet() as tx:
                lost = are_secrets_in_use(tx)
            if lost:
                raise lost_secrets(self.settings.home)
        return load_or_create_secrets(self.settings.home, self.random_bytes)

    @cached_property
    def link_signer(self) -> track.LinkSigner:
        return track.LinkSigner(
            self.secrets.link_keys, self.secrets.current_link_key, self.settings.http.base_url
        )

    def put_user(self, tenant_id: TenantId, user_id: str, body: Any) -> users.User:
        """Store what the tenant knows of a user; an opt-out stays.

        Raises:
            InvalidInput: `zone_invalid`, `text_invalid`, and as `strict_json.validate`.
        """
        profile = ingest.parse_profile(user_id, body)
        with self.state.write(tenant_id) as tx:
            users.put(tx, profile.user_id, timezone=profile.timezone, now=self.clock.now())
            return users.get(tx, profile.user_id)

    def user(self, tenant_id: TenantId, user_id: UserId) -> users.User:
        """Return a user's profile.

        Raises:
            NotFound: `user_unknown`.
        """
        with self.state.read(tenant_id) as tx:
            return users.get(tx, user_id)

    def register_device(self, tenant_id: TenantId, body: Any) -> Registration:
        """Register a device, or bring it up to date; return it as it is stored.

        Raises:
            InvalidInput: `token_invalid`, `zone_invalid`, `url_not_allowed`.
        """
        read = ingest.parse_device(
            body, allow_private_addresses=self.settings.deliver.allow_private_addresses
        )
        if read.device.channel == Channel.WEB_PUSH:
            _ = self.secrets  # it subscribed with a key of theirs: there have to be any
        with self.state.write(tenant_id) as tx:
            return replace(read, device=devices.register(tx, read.device, now=self.clock.now()))

    def delete_device(self, tenant_id: TenantId, device_id: DeviceId) -> None:
        """Forget a device, as when its user logs out there.

        Raises:
            NotFound: `device_unknown`.
        """
        with self.state.write(tenant_id) as tx:
            devices.delete(tx, device_id)

    def web_push_key(self) -> str:
        """Return the public key that browsers must be given to subscribe, base64url."""
        return public_web_push_key(self.secrets)

    def dispatcher(
        self, *, on_simulated: Callable[[Message], None] = lambda _message: None
    ) -> Dispatcher:
        """Return a dispatcher over every channel that sendopt speaks.

        Args:
            on_simulated: receives what goes out over the simulator channel.
        """
        settings = self.settings.deliver
        return Dispatcher(
            self.state,
            open_channels(
                settings, self.secrets, self.clock, self.random_bytes, on_simulated=on_simulated
            ),
            self.clock,
            owner=f"{socket.gethostname()}:{os.getpid()}:{self.random_bytes(4).hex()}",
            sign_link=self.link_signer.url,
            random_bytes=self.random_bytes,
            retry=RetryPolicy(
                first=timedelta(seconds=settings.retry_first_seconds),
                longest=timedelta(seconds=settings.retry_longest_seconds),
                max_attempts=settings.max_attempts,
            ),
            claims=ClaimPolicy(timedelta(seconds=settings.lease_seconds), settings.batch),
        )

    def follow_link(self, token: str, request: track.ClickRequest) -> track.Redirect:
        """Record a click and return where it leads.

        Raises:
            NotFound: `link_unknown`.
        """
        return track.follow_link(
            self.state,
            self.link_signer,
            token,
            request,
            now=self.clock.now(),
            random_bytes=self.random_bytes,
        )

    def record_by_token(self, token: str, kind: str) -> track.ResponseVerdict:
        """Record what a device reports with the token of its message.

        Raises:
            NotFound: `link_unknown`.
            Conflict: `not_handed_over`.
        """
        return track.record_by_token(
            self.state, self.link_signer, token, kind, now=self.clock.now()
        )

    def record_report(
        self, tenant_id: TenantId, send_id: SendId, body: Any
    ) -> track.ResponseVerdict:
        """Record what the tenant's own servers learned of a send.

        Raises:
            NotFound: `send_unknown`.
            Conflict: `not_handed_over`, `before_hand_over`, `event_conflict`.
            InvalidInput: `kind_unknown`, `time_in_future`, and as `strict_json.validate`.
        """
        return track.record_report(self.state, tenant_id, send_id, body, now=self.clock.now())
