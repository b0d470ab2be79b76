"""Registers many devices at once, as registering one after the other would."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sendopt.records import Device, DeviceId, Registration
from sendopt.state import devices, users
from sendopt.state.chunks import chunks
from sendopt.state.devices import brought_up_to_date, fingerprint, values_of
from sendopt.state.engine import insert
from sendopt.state.row_hash import ROW_HASH, hash_of
from sendopt.state.tables import device as table
from sendopt.state.transaction import TenantWrite

_Key = tuple[str, str]  # a channel, and the hash of an address


@dataclass(frozen=True, slots=True)
class Registered:
    """A device as it is stored, and whether that is news."""

    device: Device
    changed: bool


@dataclass(frozen=True, slots=True)
class _Known:
    device: Device
    is_dead: bool


def register_all(
    tx: TenantWrite, said: Sequence[Registration], *, now: datetime
) -> list[Registered]:
    """Register devices as `devices.register` would one after the other; return each as stored.

    What is stored just so already is left alone. Nearly all touch a device, or none, that no other
    of them touches: these are written in a few statements, the others one by one.

    Raises:
        Conflict: `user_erased`, if one of the users was.
    """
    users.ensure_all(tx, {each.device.user_id for each in said}, now=now)
    batch = _Batch(tx, said)
    found: dict[int, Registered] = {}
    fresh, changed = [], []
    for position, each in enumerate(said):
        if batch.first_of(position) != position or not batch.stands_alone(position):
            continue
        known = batch.known(position)
        if known is None:
            fresh.append(position)
            found[position] = Registered(each.device, changed=True)
            continue
        told = brought_up_to_date(known.device, each)
        is_news = known.is_dead or told != known.device
        found[position] = Registered(told, is_news)
        if is_news:
            changed.append(told)
    stored = _insert(tx, [said[position].device for position in fresh], now=now)
    _update(tx, changed, now=now)
    # What somebody else has just registered, too, is settled as it would be alone.
    raced = {position for position in fresh if said[position].device.device_id not in stored}
    for position, each in enumerate(said):
        first = batch.first_of(position)
        if first != position and batch.stands_alone(position):
            found[position] = Registered(found[first].device, changed=False)
        elif position in raced or position not in found:
            device = devices.register(tx, each.device, now=now, taken_back=each.taken_back)
            found[position] = Registered(device, changed=True)
    return [found[position] for position in range(len(said))]


class _Batch:
    """Which stored devices each of some registrations touches; their rows are locked."""

    def __init__(self, tx: TenantWrite, said: Sequence[Registration]) -> None:
        self._said = said
        self._keys: list[_Key] = [
            (str(each.device.channel), fingerprint(each.device)) for each in said
        ]
        self._by_address: dict[_Key, _Known] = {}
        self._by_id: dict[DeviceId, _Known] = {}
        self._look_up(tx)
        firsts: dict[str, int] = {}
        self._firsts = [
            firsts.setdefault(repr(each), position) for position, each in enumerate(said)
        ]
        different = sorted(set(self._firsts))
        self._key_counts = Counter(self._keys[position] for position in different)
        self._id_counts = Counter(said[position].device.device_id for position in different)
        self._touched = Counter(
            device_id for position in different for device_id in self._touches(position)
        )

    def first_of(self, position: int) -> int:
        """Return where the same was said first."""
        return self._firsts[position]

    def stands_alone(self, position: int) -> bool:
        """Tell whether nothing different of the batch touches what this registration touches."""
        touched = self._touches(position)
        return (
            len(touched) <= 1
            and all(self._touched[device_id] == 1 for device_id in touched)
            and self._key_counts[self._keys[position]] == 1
            and self._id_counts[self._said[position].device.device_id] == 1
        )

    def known(self, position: int) -> _Known | None:
        """Return the stored device that this registration is of; None = there is none."""
        by_address = self._by_address.get(self._keys[position])
        return by_address or self._by_id.get(self._said[position].device.device_id)

    def _touches(self, position: int) -> set[DeviceId]:
        touched = (
            self._by_address.get(self._keys[position]),
            self._by_id.get(self._said[position].device.device_id),
        )
        return {each.device.device_id for each in touched if each is not None}

    def _look_up(self, tx: TenantWrite) -> None:
        ids = sorted({each.device.device_id for each in self._said})
        for some in chunks(ids):
            self._add(tx, table.c.device_id.in_(some))
        for channel in sorted({channel for channel, _ in self._keys}):
            hashes = sorted({digest for its, digest in self._keys if its == channel})
            for digests in chunks(hashes):
                is_one = sa.and_(table.c.channel == channel, table.c.address_hash.in_(digests))
                self._add(tx, is_one)

    def _add(self, tx: TenantWrite, is_one: sa.ColumnElement[bool]) -> None:
        rows = tx.execute(
            sa.select(table)
            .where(tx.owns(table), is_one)
            .order_by(table.c.device_id)
            .with_for_update()
        )
        for row in rows:
            known = _Known(devices.device_of(row), row.dead_at is not None)
            self._by_address[row.channel, row.address_hash] = known
            self._by_id[known.device.device_id] = known


def _insert(tx: TenantWrite, fresh: Sequence[Device], *, now: datetime) -> set[str]:
    """Store devices that were not there; return the ids of those that still were not."""
    if not fresh:
        return set()
    rows = [
        {"tenant_id": tx.tenant_id, "device_id": each.device_id, **values_of(each, now)}
        for each in fresh
    ]
    statement = insert(tx, table).on_conflict_do_nothing().returning(table.c.device_id)
    return set(tx.scalars(statement, rows))


def _update(tx: TenantWrite, changed: Sequence[Device], *, now: datetime) -> None:
    if not changed:
        return
    rows: list[dict[str, Any]] = []
    for each in changed:
        values = values_of(each, now)
        key = {"tenant_id": tx.tenant_id, "device_id": each.device_id}
        rows.append({"which": each.device_id, **values, ROW_HASH: hash_of(table, key | values)})
    names = [name for name in rows[0] if name != "which"]
    tx.execute(
        sa.update(table)
        .where(tx.owns(table), table.c.device_id == sa.bindparam("which", type_=sa.Text))
        .values({name: sa.bindparam(f"{name}_", type_=table.c[name].type) for name in names}),
        [{"which": row["which"], **{f"{name}_": row[name] for name in names}} for row in rows],
    )
