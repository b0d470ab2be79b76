"""Tells which backups of a place are of one home, whoever shares the place.

A home is one with the same id at the same path: host names come and go with containers, and a
folder that was copied to another path is a home of its own from then on. Backups without an id,
of earlier releases or of homes whose state is in a server, are told apart by host and path.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sendopt.backup.manifest import Origin


@dataclass(frozen=True)
class Owner:
    """One home, as backups know it."""

    home: str  # absolute path
    home_id: str | None
    host: str | None  # None where the id tells


def owners(origins: Mapping[str, Origin]) -> dict[str, Owner]:
    """Return whose each backup is.

    Args:
        origins: by the names of backups, the newest first. A backup without an id belongs to the
            home that was the first to have one on that host, at that path.
    """
    ids: dict[tuple[str, str], str] = {}
    for each in reversed(list(origins.values())):
        if each.home_id is not None:
            ids.setdefault((each.host, each.home), each.home_id)
    return {
        backup_id: _owner(each, each.home_id or ids.get((each.host, each.home)))
        for backup_id, each in origins.items()
    }


def _owner(origin: Origin, home_id: str | None) -> Owner:
    return Owner(origin.home, home_id, origin.host if home_id is None else None)
