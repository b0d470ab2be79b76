"""Which version is meant, by its number, its hash, or not at all."""

from __future__ import annotations

import pytest

from sendopt.errors import Conflict, NotFound
from sendopt.learn.registry.promotions import LAST_GOOD_ALIAS, RegisteredModel, choose


def a_model(number: str, version: str, *aliases: str, served: bool = False) -> RegisteredModel:
    return RegisteredModel(number, version, aliases, None, None, None, None, "passed", served, ())


KNOWN = (
    a_model("4", "cafe"),
    a_model("3", "beef", "champion", served=True),
    a_model("2", "cafe", served=True),
    a_model("1", "f00d", LAST_GOOD_ALIAS, served=True),
)


@pytest.mark.parametrize(
    ("to", "number"),
    [
        (None, "1"),
        ("3", "3"),
        ("beef", "3"),
        ("cafe", "2"),  # the same bytes, registered again, never served
        ("4", "4"),
    ],
)
def test_a_version_is_meant_by_its_number_or_its_hash(to: str | None, number: str) -> None:
    assert choose(KNOWN, to).number == number


def test_who_is_not_known_cannot_be_meant() -> None:
    with pytest.raises(NotFound, match="no model is called 'abba'"):
        choose(KNOWN, "abba")
    with pytest.raises(Conflict) as refused:
        choose(KNOWN[:3], None)
    assert refused.value.code == "no_last_good"
