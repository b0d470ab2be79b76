"""What a browser can do with the token of its user: for this user's devices, and no other's."""

from __future__ import annotations

from typing import Any

from sendopt import ingest, track
from sendopt.app.bodies import said_in
from sendopt.app.devices import RegisteredDevice
from sendopt.app.stores import Stores
from sendopt.errors import InvalidInput, together
from sendopt.ingest.consent import OwnConsentBody
from sendopt.records import Channel, ConsentDoor, DeviceId, DevicePrincipal, SendId
from sendopt.state import consents, devices, plans


class OwnDevices:
    """Devices and reports of one user, for whoever holds that user's token.

    Args:
        stores: of the whole process.
        principal: of which user.
    """

    def __init__(self, stores: Stores, principal: DevicePrincipal) -> None:
        self._stores = stores
        self._principal = principal

    def register(self, body: Any) -> RegisteredDevice:
        """Register the browser, or bring it up to date.

        Whoever holds a push subscription has the browser: it becomes this user's even if another
        one used it before. An id alone gives nobody the device of another user.

        Raises:
            InvalidInput: as `Devices.register`.
            Conflict: `user_erased`.
            NotFound: `device_unknown`, for the id of another user's device.
        """
        who = self._principal
        body = _completed(body, {"user_id": who.user_id, "channel": Channel.WEB_PUSH.value})
        allowed = self._stores.settings.deliver.allow_private_addresses
        now = self._stores.clock.now()
        read = ingest.read_device(
            body, now=now, allow_private_addresses=allowed, consent=OwnConsentBody
        )
        _ = self._stores.secrets  # it subscribed with a key of theirs: there have to be any
        with self._stores.state.write(who.tenant_id) as tx:
            # Not with the rest: an opt-out counts whatever becomes of that.
            consents.note(tx, said_in([read]), door=ConsentDoor.DEVICE, now=now)
        said = read.required()
        with self._stores.state.write(who.tenant_id) as tx:
            device = devices.register(
                tx, said.device, now=now, taken_back=said.taken_back, by_id_of_own_alone=True
            )
        return RegisteredDevice(device, read.dropped_fields)

    def delete(self, device_id: DeviceId) -> None:
        """Forget a device of the user.

        Raises:
            NotFound: `device_unknown`, also for the device of another user.
        """
        who = self._principal
        with self._stores.state.write(who.tenant_id) as tx:
            devices.delete(tx, device_id, of_user=who.user_id)

    def report(self, send_id: SendId, body: Any) -> track.ResponseVerdict:
        """Record what the browser learned of a send to its user; nothing that is charged.

        Raises:
            NotFound: `send_unknown`, also for a send to another user.
            InvalidInput: `kind_unknown`, `time_in_future`, and as `strict_json.validate`.
            Conflict: `not_handed_over`, `before_hand_over`, `event_conflict`.
        """
        who = self._principal
        with self._stores.state.read(who.tenant_id) as tx:
            plans.require_send_to(tx, send_id, who.user_id)
        return track.record_own_report(
            self._stores.state, who.tenant_id, send_id, body, now=self._stores.clock.now()
        )


def _completed(body: Any, known: dict[str, Any]) -> Any:
    """Return a body with what the token says already, and nobody else may say."""
    if not isinstance(body, dict):
        return body  # whoever reads it says what is wrong
    said = [name for name in known if name in body]
    if said:
        raise together(
            InvalidInput(
                "is no field here: the token says it",
                code="unknown_field",
                field=f"/{name}",
                hint="leave it out",
            )
            for name in said
        )
    return {**body, **known}
