"""In which country people may live whose clocks are those of a zone, by the zone database."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import tzdata


def countries_of(zone_name: str) -> frozenset[str]:
    """Return the ISO 3166 codes of the countries of a zone; none for one that names no place.

    A zone of the database's list by country (`zone.tab`) is of that one country. Another name of
    such a zone, as devices still tell it, may be used in each country whose clocks agree with it.

    >>> sorted(countries_of("Asia/Seoul")), sorted(countries_of("ROK")), sorted(countries_of("UTC"))
    (['KR'], ['KR'], [])
    """
    own = _by_country().get(zone_name)
    if own is not None:
        return own
    canonical = _other_names().get(zone_name, zone_name)
    return _agreeing().get(canonical) or _by_country().get(canonical, frozenset())


@cache
def _by_country() -> dict[str, frozenset[str]]:
    return _of_table("zone.tab")


@cache
def _agreeing() -> dict[str, frozenset[str]]:
    """Return of each zone every country whose clocks agree with it since 1970."""
    return _of_table("zone1970.tab")


def _of_table(name: str) -> dict[str, frozenset[str]]:
    rows = (line.split("\t") for line in _lines(name) if not line.startswith("#"))
    return {zone: frozenset(codes.split(",")) for codes, _, zone, *_ in rows}


@cache
def _other_names() -> dict[str, str]:
    """Return other names of zones with the name that each stands for ("L Asia/Seoul ROK")."""
    links = (line.split() for line in _lines("tzdata.zi") if line.startswith("L "))
    return {name: canonical for _, canonical, name in links}


def _lines(name: str) -> list[str]:
    return (files(tzdata) / "zoneinfo" / name).read_text("utf-8").splitlines()
