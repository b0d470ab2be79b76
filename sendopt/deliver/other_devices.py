"""Whether a user can be reached elsewhere, once a provider said that a device is gone."""

from __future__ import annotations

from collections.abc import Sequence

from sendopt.records import DeadAddress, Receipt, SendId, TenantId
from sendopt.state.living_devices import living_devices, recipient_of
from sendopt.state.transaction import FleetRead


def with_another_device(tx: FleetRead, receipts: Sequence[Receipt]) -> set[tuple[TenantId, SendId]]:
    """Return the sends whose device is gone, and whose user has another one on their channel.

    That may be the same installation, which was registered again since the provider was asked.
    """
    dead = [receipt for receipt in receipts if isinstance(receipt.outcome, DeadAddress)]
    asked_at = {
        (receipt.attempt.send.tenant_id, receipt.attempt.send.device.device_id): (
            receipt.attempt.started_at
        )
        for receipt in dead
        if receipt.attempt.send.device is not None
    }
    living = living_devices(tx, {recipient_of(receipt.attempt.send) for receipt in dead})
    found: set[tuple[TenantId, SendId]] = set()
    for receipt in dead:
        send = receipt.attempt.send
        if any(
            (asked := asked_at.get((send.tenant_id, each.device.device_id))) is None
            or each.registered_at > asked
            for each in living[recipient_of(send)]
        ):
            found.add((send.tenant_id, send.send_id))
    return found
