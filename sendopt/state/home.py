"""Which home a state belongs to, so that its backups are known as its own wherever it runs.

A state that was restored, or copied by another tool, is another home at first: its original may
still be at work and make backups too. Once the original is stopped for good, the copy takes its
place, and its id.
"""

from __future__ import annotations

import sqlalchemy as sa

from sendopt.state.engine import insert
from sendopt.state.tables import home
from sendopt.state.transaction import FleetRead, FleetWrite


def home_id(tx: FleetRead) -> str | None:
    """Return the id; None = the tables are of a release without it, or were never in use."""
    if not sa.inspect(tx.connection).has_table(home.name):
        return None
    return tx.scalar(sa.select(home.c.home_id).order_by(home.c.number.desc()).limit(1))


def is_copy(tx: FleetRead) -> bool:
    """Tell whether the home is a copy, by a restore or an operator's word, and no more than that.

    Its original may be at work at the same time.
    """
    return _original(tx) is not None


def begin(tx: FleetWrite, new_id: str) -> None:
    """Give the home its id, unless it has one."""
    first = {"number": 1, "home_id": new_id}
    tx.execute(insert(tx, home).values(first).on_conflict_do_nothing())


def part(tx: FleetWrite, new_id: str) -> None:
    """Be another home than the one that was restored; without an id it gets one when it is used."""
    original = home_id(tx)
    if original is not None:
        _become(tx, new_id, copy_of=original)


def part_from_twins(tx: FleetWrite, new_id: str) -> None:
    """Be another home than any that has this id too, and stay a copy of what this one is a copy of.

    So that it changes nothing about the place to take if this is done again.
    """
    original = _original(tx) or home_id(tx)
    if original is not None:
        _become(tx, new_id, copy_of=original)


def take_place(tx: FleetWrite) -> None:
    """Be the home that this one is a copy of, which is at work no more."""
    original = _original(tx)
    if original is not None:
        _become(tx, original, copy_of=None)


def _original(tx: FleetRead) -> str | None:
    return tx.scalar(sa.select(home.c.copy_of).order_by(home.c.number.desc()).limit(1))


def _become(tx: FleetWrite, new_id: str, *, copy_of: str | None) -> None:
    last = tx.scalar(sa.select(sa.func.max(home.c.number))) or 0
    tx.execute(sa.insert(home).values(number=last + 1, home_id=new_id, copy_of=copy_of))
