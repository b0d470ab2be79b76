"""Families by name: those that come with sendopt, and those that other packages bring.

A package brings a family by an entry point of the group `sendopt.families` (Python Packaging User
Guide, "Creating and discovering plugins"), whose name is the family's. It is imported when it is
asked for, so that a package that is broken stops nothing but its own family.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from sendopt.errors import SendoptError
from sendopt.learn.families.family import Family

GROUP = "sendopt.families"
_OFFERED = ("NAME", "Settings", "fit", "read")


class Families(Mapping[str, Family]):
    """Every family by its name; those that come with sendopt first."""

    def __init__(self, own: tuple[Family, ...]) -> None:
        self._known = {family.NAME: family for family in own}
        self._own = tuple(self._known)

    def __getitem__(self, name: str) -> Family:
        """Return a family.

        Raises:
            KeyError: if nobody brings it.
            SendoptError: `family_taken`, if another package or sendopt brings one of that name;
                `family_broken`, if what is brought cannot be imported or is no family.
        """
        points = self._brought.get(name, ())
        if len(points) + (name in self._own) > 1:
            raise SendoptError(
                f"the family {name} is brought by {_listed(points)}, and is there already",
                code="family_taken",
                hint="uninstall one of them, or call it otherwise",
            )
        if name not in self._known and points:
            self._known[name] = _loaded(points[0])
        return self._known[name]

    def __contains__(self, name: object) -> bool:
        return name in self._own or name in self._brought

    def __iter__(self) -> Iterator[str]:
        yield from dict.fromkeys((*self._own, *self._brought))

    def __len__(self) -> int:
        return len(list(iter(self)))

    @cached_property
    def _brought(self) -> dict[str, tuple[EntryPoint, ...]]:
        found = entry_points(group=GROUP)
        return {name: tuple(found.select(name=name)) for name in sorted(found.names)}


def _loaded(point: EntryPoint) -> Family:
    try:
        family: Any = point.load()
    except Exception as error:
        raise _broken(point, f"{type(error).__name__}: {error}") from error
    lacking = [name for name in _OFFERED if not hasattr(family, name)]
    if lacking:
        raise _broken(point, f"it offers no {', '.join(lacking)}")
    if point.name != family.NAME:
        raise _broken(point, f"its entry point is called {point.name}, its NAME is {family.NAME}")
    brought: Family = family
    return brought


def _broken(point: EntryPoint, fault: str) -> SendoptError:
    return SendoptError(
        f"the family {point.name} of {_listed((point,))} cannot be used: {fault}",
        code="family_broken",
        hint="mend that package or uninstall it; docs/adding-a-model-family.md shows what it takes",
    )


def _listed(points: tuple[EntryPoint, ...]) -> str:
    return ", ".join(point.dist.name if point.dist else point.value for point in points)
