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

from sendopt.errors import ModelNotServable
from sendopt.learn.families.brought import BroughtFamily, Origin
from sendopt.learn.families.family import Family
from sendopt.strict_json import StrictModel

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
            ModelNotServable: `family_taken`, if another package or sendopt brings one of that name;
                `family_broken`, if what is brought cannot be imported or is no family.
        """
        points = self._brought.get(name, ())
        if len(points) + (name in self._own) > 1:
            raise ModelNotServable(
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

    def package(self, name: str) -> str | None:
        """Return the package that brings a family, with its version; None = sendopt itself."""
        return _listed(self._brought[name]) if name in self._brought else None

    @cached_property
    def _brought(self) -> dict[str, tuple[EntryPoint, ...]]:
        points = entry_points(group=GROUP)
        return {name: tuple(points.select(name=name)) for name in sorted(points.names)}


def _loaded(point: EntryPoint) -> Family:
    origin = Origin(point.name, _package(point))
    family: Any = origin.answer_of("import", point.load)
    lacking = [name for name in _OFFERED if not hasattr(family, name)]
    if lacking:
        raise origin.broken(f"it offers no {', '.join(lacking)}")
    if point.name != family.NAME:
        raise origin.broken(f"its entry point is called {point.name}, its NAME is {family.NAME}")
    if not (isinstance(family.Settings, type) and issubclass(family.Settings, StrictModel)):
        raise origin.broken("its Settings are no class of `sendopt.strict_json.StrictModel`")
    origin.answer_of("Settings()", family.Settings)  # its defaults are what it comes with
    return BroughtFamily(family, origin)


def _listed(points: tuple[EntryPoint, ...]) -> str:
    return ", ".join(map(_package, points))


def _package(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else point.value
