"""Keeps what is written of users, and the beginning of an erasure, one behind the other.

    write of users    hold open ─► who was erased? ─► rows ─► commit
    plan              who was erased? ─► rows ─► hold open ─► who was erased since? ─► commit
    erasure           shut ─► "is erased" ─► commit ─► call off what was planned before

So every row that names the user is there when the erasure looks for it, or never comes. While an
erasure waits for the gate whoever wants to hold it open waits as well. Therefore:

- A transaction holds it open before it locks any row, and is short.
- One that works for long, such as a commit of many sends, holds it open last of all and looks
  again; from then on it waits for nothing.
- An erasure writes nothing but that it was asked for while the gate is shut.
"""

from __future__ import annotations

from sendopt.state import tenant_lock
from sendopt.state.transaction import TenantRead, TenantWrite

_PURPOSE = "sendopt.erasure_gate"


def hold_open(tx: TenantRead) -> None:
    """Let no erasure of the tenant begin until `tx` ends."""
    tenant_lock.share(tx, _PURPOSE)


def shut(tx: TenantWrite) -> None:
    """Wait for transactions that hold the gate open, and let none do so until `tx` ends."""
    tenant_lock.hold_alone(tx, _PURPOSE)
