"""The lattice: two members of every family of worlds, one chosen on and one confirmed on.

The rule was fixed before anything was judged: the first member of a family belongs to the half on
which structure, settings and weights may be chosen; the second, of another strength and another
seed, belongs to the half that is looked at once, to confirm.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from enum import Enum

from lattice.world import World
from lattice.worlds import habits, logs, senders

_FAMILIES = (*habits.FAMILIES, *senders.FAMILIES, *logs.FAMILIES)


class Half(Enum):
    CHOSEN = "chosen"
    CONFIRMED = "confirmed"


@dataclass(frozen=True)
class Planted:
    """A world with its place in the lattice."""

    half: Half
    world: World

    @property
    def name(self) -> str:
        return self.world.name

    @property
    def seed(self) -> int:
        return zlib.crc32(f"{self.half.value} {self.name}".encode())


def lattice(half: Half, *, large: bool = False) -> list[Planted]:
    """Return the worlds of a half, in order; those that take long only if asked for."""
    families = _FAMILIES + (logs.LARGE if large else ())
    return [
        Planted(each, world)
        for family in families
        for each, world in zip(Half, family, strict=True)
        if each is half
    ]
