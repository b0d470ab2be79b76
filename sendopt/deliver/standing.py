"""What limits over campaigns leave to the sends of one batch, as it is claimed send by send."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sendopt.deliver.allowed_times import UNLIMITED, Frequency
from sendopt.frequency import Contact, longest_memory, user_limits
from sendopt.records import (
    NO_LIMITS,
    DueSend,
    MessageClass,
    Moved,
    SendId,
    SendingLimits,
    SendTransition,
    TenantId,
    UserId,
)
from sendopt.state import contacts, tenant_lock
from sendopt.state.contacts import SendContact
from sendopt.state.transaction import FleetWrite

_Key = tuple[TenantId, UserId]


@dataclass(slots=True)
class _Has:
    """What a user has beside the sends that are still to be judged."""

    got: list[Contact]
    to_come: dict[SendId, Contact]


class Standing:
    """What users of a batch have of messages that count, and what their tenants' limits are.

    Whoever makes one for a tenant with limits holds a lock until its transaction ends: what two
    dispatchers claim at one moment is counted by the one that comes second.

    Args:
        tx: in which the batch is claimed.
        sends: the batch; of these, those that limits count.
        in_force: the limits of each tenant of whose sends any count, or what is wrong with them.
        now: when it is.
    """

    def __init__(
        self,
        tx: FleetWrite,
        sends: Sequence[DueSend],
        in_force: Mapping[TenantId, SendingLimits | str],
        *,
        now: datetime,
    ) -> None:
        counted = [send for send in sends if send.message_class is MessageClass.MARKETING]
        self._limits = {
            tenant_id: limits
            for tenant_id, limits in in_force.items()
            if isinstance(limits, SendingLimits) and user_limits(limits)
        }
        self._unreadable: dict[_Key | TenantId, str] = {
            tenant_id: said for tenant_id, said in in_force.items() if isinstance(said, str)
        }
        self._has: dict[_Key, _Has] = {}
        of_tenant: dict[TenantId, list[DueSend]] = defaultdict(list)
        for send in counted:
            if send.tenant_id in self._limits:
                of_tenant[send.tenant_id].append(send)
        for tenant_id in sorted(of_tenant):  # in one order for all, so that nobody waits in a ring
            self._read(tx, tenant_id, of_tenant[tenant_id], now=now)
        times = Counter(_key(send) for each in of_tenant.values() for send in each)
        self._crowded = {key for key, count in times.items() if count > 1}

    def damage_of(self, send: DueSend) -> str | None:
        """Return why nobody knows whether a send may go out; None = it is known."""
        if send.message_class is not MessageClass.MARKETING:
            return None
        return self._unreadable.get(send.tenant_id) or self._unreadable.get(_key(send))

    def may_bind(self, send: DueSend) -> bool:
        """Tell whether there is anything that a limit could hold against a send."""
        has = self._of(send)
        return has is not None and bool(has.got or has.to_come or _key(send) in self._crowded)

    def frequency(self, send: DueSend) -> Frequency:
        """Return what counts against a send by now."""
        has = self._of(send)
        if has is None:
            return UNLIMITED
        limits = self._limits.get(send.tenant_id, NO_LIMITS)
        return Frequency(limits, tuple(has.got), tuple(has.to_come.values()))

    def count(self, send: DueSend, transition: SendTransition | None, *, now: datetime) -> None:
        """Count what was decided of a send against those that come after it."""
        has = self._of(send)
        if has is None:
            return
        if transition is None:
            has.got.append(Contact(now, send.message_type))
        elif isinstance(transition, Moved):
            has.to_come[send.send_id] = Contact(transition.until, send.message_type)

    def _of(self, send: DueSend) -> _Has | None:
        counts = send.message_class is MessageClass.MARKETING
        return self._has.get(_key(send)) if counts else None

    def _read(
        self, tx: FleetWrite, tenant_id: TenantId, sends: Sequence[DueSend], *, now: datetime
    ) -> None:
        of_tenant = tx.of(tenant_id)
        tenant_lock.hold_alone(of_tenant, "hand-over within limits")
        ours = {send.send_id for send in sends}
        users = sorted({send.user_id for send in sends})
        since = now - longest_memory(self._limits[tenant_id])
        for user_id, said in contacts.contacts(of_tenant, users, since=since).items():
            if isinstance(said, str):
                self._unreadable[tenant_id, user_id] = said
                continue
            others = [each for each in said if each.send_id not in ours]
            self._has[tenant_id, user_id] = _Has(
                got=[each.contact for each in others if each.got],
                to_come={each.send_id: _not_before(each, now) for each in others if not each.got},
            )


def _not_before(to_come: SendContact, now: datetime) -> Contact:
    """Return what is to come at its time, or now where that has passed."""
    return Contact(max(to_come.contact.at, now), to_come.contact.message_type)


def _key(send: DueSend) -> _Key:
    return send.tenant_id, send.user_id
