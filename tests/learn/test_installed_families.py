"""A family that another package brings is found by its name, and its faults are its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from sendopt.errors import SendoptError
from sendopt.learn.families import FAMILIES, population
from sendopt.learn.families.installed import Families


def brings(site: Path, package: str, family: str, code: str) -> None:
    """Install a package as an installer leaves it."""
    (site / f"{package}.py").write_text(code)
    about = site / f"{package}-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1\n")
    (about / "entry_points.txt").write_text(f"[sendopt.families]\n{family} = {package}\n")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


WHOLE = "from sendopt.learn.families.population import Settings, fit, read\nNAME = {name!r}\n"


def test_it_is_one_of_the_families_by_its_name(site: Path) -> None:
    brings(site, "tides_of_ours", "tides", WHOLE.format(name="tides"))
    known = Families((population,))
    assert list(known) == ["population", "tides"]
    assert len(known) == 2
    assert known["tides"].NAME == "tides"
    assert known["population"] is population
    with pytest.raises(KeyError):
        known["moons"]


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("import nothing_of_that_name", "ModuleNotFoundError"),
        ("NAME = 'broken'", "it offers no Settings, fit, read"),
        (WHOLE.format(name="other"), "its entry point is called broken, its NAME is other"),
    ],
)
def test_a_broken_one_is_named_and_stops_no_other(
    site: Path, code: str, told: str, request: pytest.FixtureRequest
) -> None:
    package = f"broken_{request.node.callspec.indices['code']}"
    brings(site, package, "broken", code)
    known = Families(tuple(FAMILIES[name] for name in ("population", "logistic")))
    assert "broken" in known
    assert known["logistic"].NAME == "logistic"
    with pytest.raises(SendoptError) as refusal:
        known["broken"]
    assert refusal.value.code == "family_broken"
    assert package in refusal.value.message
    assert told in refusal.value.message


@pytest.mark.parametrize("taken", ["population", "twice"])
def test_a_name_is_of_one_family_alone(site: Path, taken: str) -> None:
    brings(site, "first_of_two", taken, WHOLE.format(name=taken))
    if taken == "twice":
        brings(site, "second_of_two", taken, WHOLE.format(name=taken))
    with pytest.raises(SendoptError) as refusal:
        Families((population,))[taken]
    assert refusal.value.code == "family_taken"
    assert "first_of_two" in refusal.value.message
