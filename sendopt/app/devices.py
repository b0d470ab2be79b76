"""Devices: where messages can reach a user."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from sendopt import ingest
from sendopt.app import bodies
from sendopt.app.bodies import BodyVerdict, Stored, said_in
from sendopt.app.channels import public_web_push_key
from sendopt.app.subject import Subject, needs
from sendopt.errors import InvalidInput
from sendopt.ingest.bodies import DEVICE_FIELDS
from sendopt.ingest.raw import DEFAULTS
from sendopt.ingest.raw import Options as ImportOptions
from sendopt.ingest.reading import Reading
from sendopt.records import (
    Channel,
    ConsentDoor,
    Device,
    DeviceId,
    Permission,
    Registration,
    UserId,
)
from sendopt.state import consents, device_batches, devices, erased, user_list
from sendopt.state.pages import Page
from sendopt.state.user_list import ListedDevice


@dataclass(frozen=True, slots=True)
class RegisteredDevice:
    """A device as it is stored, and what of its registration counts as not said."""

    device: Device
    dropped_fields: tuple[InvalidInput, ...]


class Devices(Subject):
    """Where messages go."""

    @needs(Permission.DEVICES_WRITE)
    def register(self, body: Any) -> RegisteredDevice:
        """Register a device, or bring it up to date; return it as it is stored.

        An opt-out in it counts even if the rest is refused.

        Raises:
            InvalidInput: as `ingest.read_device`.
            Conflict: `user_erased`.
        """
        read = self._read_body(body)
        now = self._now()
        if read.consent is not None:
            with self._write() as tx:  # an opt-out counts whatever becomes of the rest
                consents.note(tx, [read.consent], door=ConsentDoor.API, now=now)
        said = read.required()
        self._require_secrets([read])
        with self._write() as tx:
            device = devices.register(tx, said.device, now=now, taken_back=said.taken_back)
        return RegisteredDevice(device, read.dropped_fields)

    @needs(Permission.DEVICES_WRITE)
    def import_files(
        self,
        paths: Sequence[Path],
        *,
        progress: Callable[[Path, int], None],
        options: ImportOptions = DEFAULTS,
    ) -> list[ingest.ImportReport]:
        """Register the devices of files, as `register` does each; `progress` gets file and rows.

        Raises:
            InvalidInput: as `ingest.import_bodies`; if a file is missing or of an unknown kind,
                nothing of any is stored.
        """
        return bodies.import_files(
            paths,
            DEVICE_FIELDS,
            self._read_body,
            partial(self._store, door=ConsentDoor.IMPORT),
            progress=progress,
            options=options,
            stored=partial(self._audit_import, "device:import"),
        )

    @needs(Permission.DEVICES_WRITE)
    def register_all(self, given: Any) -> list[BodyVerdict]:
        """Register a list of devices, as `register` does each; return a verdict on each, in order.

        Raises:
            InvalidInput: as `bodies.accept`.
        """
        store = partial(self._store, door=ConsentDoor.API)
        return bodies.accept(given, self._read_body, store)

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

    def _read_body(self, body: Any) -> Reading[Registration]:
        allowed = self._stores.settings.deliver.allow_private_addresses
        return ingest.read_device(body, now=self._now(), allow_private_addresses=allowed)

    def _store(
        self, read: Sequence[Reading[Registration]], *, door: ConsentDoor
    ) -> list[Stored | InvalidInput]:
        self._require_secrets(read)
        now = self._now()
        with self._write() as tx:
            fresh = consents.note(tx, said_in(read), door=door, now=now)
            gone = erased.among(tx, {each.noun.device.user_id for each in read if each.noun})
            return bodies.settled(
                read,
                gone,
                fresh,
                user_of=lambda said: said.device.user_id,
                store=lambda said: [
                    Stored(each.device.device_id, each.changed)
                    for each in device_batches.register_all(tx, said, now=now)
                ],
            )

    def _require_secrets(self, read: Sequence[Reading[Registration]]) -> None:
        """Open the keys with which browsers subscribed, where there are any: there have to be."""
        if any(each.noun and each.noun.device.channel is Channel.WEB_PUSH for each in read):
            _ = self._stores.secrets
