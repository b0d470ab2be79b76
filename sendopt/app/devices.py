"""Devices: where messages can reach a user."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sendopt import ingest
from sendopt.app.channels import public_web_push_key
from sendopt.app.subject import Subject, needs
from sendopt.ingest.device import Registration
from sendopt.records import Channel, DeviceId, Permission, UserId
from sendopt.state import devices, user_list
from sendopt.state.pages import Page
from sendopt.state.user_list import ListedDevice


class Devices(Subject):
    """Where messages go."""

    @needs(Permission.DEVICES_WRITE)
    def register(self, body: Any) -> Registration:
        """Register a device, or bring it up to date; return it as it is stored.

        Raises:
            InvalidInput: `token_invalid`, `zone_invalid`, `url_not_allowed`.
        """
        settings = self._stores.settings.deliver
        read = ingest.parse_device(body, allow_private_addresses=settings.allow_private_addresses)
        if read.device.channel == Channel.WEB_PUSH:
            _ = self._stores.secrets  # it subscribed with a key of theirs: there have to be any
        with self._write() as tx:
            return replace(read, device=devices.register(tx, read.device, now=self._now()))

    @needs(Permission.DEVICES_WRITE)
    def delete(self, device_id: DeviceId) -> None:
        """Forget a device, as when its user logs out there.

        Raises:
            NotFound: `device_unknown`.
        """
        with self._write() as tx:
            devices.delete(tx, device_id)

    @needs(Permission.DEVICES_READ)
    def page(
        self,
        *,
        user_id: UserId | None = None,
        dead: bool | None = None,
        behind: DeviceId | None = None,
        limit: int,
    ) -> Page[ListedDevice]:
        """Return devices by id, without their addresses."""
        with self._read() as tx:
            return user_list.page_of_devices(
                tx, user_id=user_id, dead=dead, behind=behind, limit=limit
            )

    @needs(Permission.DEVICES_WRITE)
    def web_push_key(self) -> str:
        """Return the public key that browsers must be given to subscribe, base64url."""
        return public_web_push_key(self._stores.secrets)
