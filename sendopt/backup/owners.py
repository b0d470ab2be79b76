"""Tells which backups of a place are of one home, whoever shares the place.

A home is one with the same id at the same path: host names come and go with containers, and a
folder that was copied to another path is a home of its own from then on. Backups without an id,
of earlier releases or of homes whose state is in a server, are told apart by host and path.

A machine that was cloned has the id and the path of its original. What tells them apart is that
they take turns: a service that moved, and a container, never come back to a host that they left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

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


def taking_turns(origins: Mapping[str, Origin]) -> dict[Owner, tuple[str, ...]]:
    """Return the homes at which hosts took turns, and which hosts.

    Args:
        origins: by the names of backups, the newest first.
    """
    made: dict[Owner, list[str]] = {}
    for backup_id, owner in owners(origins).items():
        made.setdefault(owner, []).append(origins[backup_id].host)
    return {owner: hosts for owner, each in made.items() if (hosts := _taking_turns(each))}


def _taking_turns(hosts: Sequence[str]) -> tuple[str, ...]:
    """Return the hosts between the first and the last turn of those that had several, in order.

    >>> _taking_turns(["new", "a", "b", "a", "a", "old"]), _taking_turns(["b", "b", "a"])
    (('a', 'b'), ())
    """
    turns = [host for host, _ in groupby(hosts)]
    again = [place for place, host in enumerate(turns) if turns.count(host) > 1]
    return tuple(sorted(set(turns[again[0] : again[-1] + 1]))) if again else ()


def _owner(origin: Origin, home_id: str | None) -> Owner:
    return Owner(origin.home, home_id, origin.host if home_id is None else None)
