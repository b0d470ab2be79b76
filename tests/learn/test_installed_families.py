"""A family that another package brings is found by its name, and its faults are its own."""

from __future__ import annotations

import importlib
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from trained import HALF_AN_HOUR
from untrained import untrained

from sendopt.errors import InvalidInput, ModelNotServable, SendoptError
from sendopt.learn import Registry
from sendopt.learn.families import FAMILIES, artifact, population
from sendopt.learn.families.brought import BroughtScorer, Origin
from sendopt.learn.families.installed import Families
from sendopt.learn.model.scorer import Scorer
from sendopt.learn.registry import serving
from sendopt.records import ServedBy, TenantId

SHOP, NOW = TenantId("shop"), datetime(2026, 9, 28, tzinfo=UTC)
TWO_SCORES = pa.table({"open_probability": [0.2, 0.3]})


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


BREAKS_IN_FIT = WHOLE + "def fit(past, settings):\n    return 1 // 0\n"
BREAKS_IN_READ = WHOLE + "def read(target, document, attachments, *, threads):\n    dict()['no']\n"
FITS_NOTHING = WHOLE + "def fit(past, settings):\n    return None\n"
READS_NOTHING = WHOLE + "def read(target, document, attachments, *, threads):\n    return 3\n"


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (BREAKS_IN_FIT, "`fit` raised ZeroDivisionError: integer division or modulo by zero"),
        (FITS_NOTHING, "`fit` returned no pair of a Scorer and its inputs"),
        (BREAKS_IN_READ, "`read` raised KeyError: 'no'"),
        (READS_NOTHING, "`read` returned int, which is no Scorer"),
    ],
)
def test_what_breaks_in_a_package_is_told_with_its_family_and_place(
    site: Path, code: str, told: str, request: pytest.FixtureRequest
) -> None:
    package = f"breaks_{request.node.callspec.indices['code']}"
    brings(site, package, "tides", code.format(name="tides"))
    family = Families((population,))["tides"]
    asked = {
        "`fit`": lambda: family.fit(None, None),  # type: ignore[arg-type]
        "`read`": lambda: family.read(HALF_AN_HOUR, {}, {}, threads=1),
    }
    with pytest.raises(ModelNotServable) as refusal:
        asked[told.split(maxsplit=1)[0]]()
    assert refusal.value.code == "family_broken"
    for said in (f"the family tides of {package} 1", told):
        assert said in refusal.value.message
    if "raised" in told:
        assert f"({package}.py, line 4)" in refusal.value.message
    assert "train another family" in str(refusal.value.hint)


@pytest.mark.parametrize("settings", ["Settings = 3", "class Settings(Settings):\n    x: int\n"])
def test_settings_that_cannot_be_used_are_told_when_the_family_is_asked_for(
    site: Path, settings: str, request: pytest.FixtureRequest
) -> None:
    package = f"unset_{request.node.callspec.indices['settings']}"
    brings(site, package, "tides", WHOLE.format(name="tides") + settings)
    with pytest.raises(ModelNotServable, match="Settings") as refusal:
        Families((population,))["tides"]
    assert refusal.value.code == "family_broken"


class Untrue(Exception):
    """Nothing of sendopt's."""


#: What a scorer may be asked, and with what; the inputs are three rows.
ASKED: dict[str, Callable[[Scorer], object]] = {
    "memory": lambda it: it.memory,
    "population": lambda it: it.population(None, as_of=None),  # type: ignore[arg-type]
    "inputs": lambda it: it.inputs(None, None, [0, 0, 0]),  # type: ignore[arg-type]
    "logit": lambda it: it.logit([0, 0, 0]),
    "logit_sd": lambda it: it.logit_sd([0, 0, 0]),
    "contributions": lambda it: it.contributions([0, 0, 0]),
    "everybody": lambda it: it.everybody([0, 0, 0]),
    "card": lambda it: list(it.card()),
    "document": lambda it: it.document(),
    "attachments": lambda it: it.attachments(),
    "week_logits": lambda it: it.week_logits(None, [0], threads=1),  # type: ignore[arg-type]
    "own_weights": lambda it: it.own_weights([0, 0, 0], 0, visits=0.0, probability=0.5),
    "platforms": lambda it: it.platforms,
    "ordered_by": lambda it: it.ordered_by,
    "params": lambda it: it.params(),
    "reads_other_features": lambda it: it.reads_other_features([0, 0, 0]),
    "stressed": lambda it: it.stressed([0, 0, 0]),
}


def a_scorer(**members: object) -> Scorer:
    """Return what another package's family learned, with other members than a sound one has."""
    sound = dict.fromkeys(["inputs", "logit_sd", "contributions", "card", "document"])
    kind = type("Tides", (Scorer,), {**sound, "family": "tides", **members})
    scorer = kind()
    scorer.target = HALF_AN_HOUR
    return BroughtScorer(scorer, Origin("tides", "tides-of-ours 1"))


def raising(*_args: object, **_named: object) -> object:
    raise Untrue("the moon")


def test_everything_that_a_scorer_is_asked_goes_through_the_door() -> None:
    members = {name for name, it in vars(Scorer).items() if callable(it) or type(it) is property}
    assert {name for name in members if not name.startswith("_")} == set(ASKED)
    assert set(ASKED) <= set(vars(BroughtScorer))


@pytest.mark.parametrize("name", ASKED)
def test_whatever_a_scorer_raises_by_accident_is_told_as_its_familys(name: str) -> None:
    asked = property(raising) if isinstance(vars(Scorer)[name], property) else raising
    with pytest.raises(ModelNotServable) as refusal:
        ASKED[name](a_scorer(**{name: asked}))
    assert refusal.value.code == "family_broken"
    told = "the family tides of tides-of-ours 1 cannot be used"
    assert refusal.value.message.startswith(f"{told}: `{name}` raised Untrue: the moon")


@pytest.mark.parametrize("name", ASKED)
def test_what_is_raised_on_purpose_passes_as_it_is(name: str) -> None:
    def on_purpose(*_args: object, **_named: object) -> object:
        raise InvalidInput("not this view", code="wrong_target")

    asked = property(on_purpose) if isinstance(vars(Scorer)[name], property) else on_purpose
    with pytest.raises(InvalidInput) as refusal:
        ASKED[name](a_scorer(**{name: asked}))
    assert refusal.value.code == "wrong_target"


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("inputs", np.zeros(2)),
        ("inputs", [0, 0, 0]),  # of which no rows can be chosen by a mask
        ("inputs", 3),
        ("logit", np.zeros(2)),
        ("logit", np.zeros((3, 1))),
        ("logit_sd", None),
        ("everybody", "no numbers"),
        ("document", {"of": object()}),
        ("attachments", {"name": "text"}),
        ("week_logits", np.zeros(7)),
    ],
)
def test_answers_of_another_form_are_told_as_the_familys(name: str, answer: object) -> None:
    with pytest.raises(ModelNotServable) as refusal:
        ASKED[name](a_scorer(**{name: lambda *_args, **_named: answer}))
    assert refusal.value.code == "family_broken"
    assert name in refusal.value.message


TIDES = """
from sendopt.learn.families.population import Settings, fit
from sendopt.learn.model.scorer import Scorer

NAME = "tides"

class Tides(Scorer):
    family = NAME
    inputs = logit_sd = contributions = card = None

    def document(self):
        return {}

def read(target, document, attachments, *, threads):
    scorer = Tides()
    scorer.target = target
    return scorer
"""


def test_a_model_whose_package_is_gone_or_broken_gives_way_and_says_which_package(
    site: Path,
    tmp_path: Path,
    make_registry: Callable[[Path], Registry],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    brings(site, "tides_of_today", "tides", TIDES)
    folder = tmp_path / "registry"
    folder.mkdir()
    registry = make_registry(folder)
    own = (population, FAMILIES["level_shape_trees"])

    def installed_now() -> Families:
        sys.modules.pop("tides_of_today", None)
        importlib.invalidate_caches()
        monkeypatch.setattr(artifact, "FAMILIES", known := Families(own))
        return known

    def answered() -> serving.ModelAnswer:
        another_process = Registry(f"sqlite:///{folder}/registry.db", str(folder / "models"))
        limits = serving.Limits(timedelta(days=90), timedelta(seconds=60), 1_000.0)
        return serving.ask(
            another_process, SHOP, lambda _: TWO_SCORES, rows=2, limits=limits, now=NOW
        )

    tides = installed_now()["tides"].read(HALF_AN_HOUR, {}, {}, threads=1)
    for model in (untrained(until=NOW), replace(untrained(until=NOW), scorer=tides)):
        recorded = registry.record(SHOP, model, params={}, tags={})
        registry.promote(SHOP, recorded.number, by="tests", reason="", now=NOW)
    assert answered().step is ServedBy.CHAMPION

    (site / "tides_of_today.py").write_text("import nothing_of_that_name_at_all")
    installed_now()
    broken = answered()
    assert (broken.step, broken.reason) == (ServedBy.LAST_GOOD, "family_broken")
    assert "tides_of_today 1" in broken.skipped[0].detail

    shutil.rmtree(site / "tides_of_today-1.dist-info")
    installed_now()
    gone = answered()
    assert (gone.step, gone.reason) == (ServedBy.LAST_GOOD, "family_missing")
    with pytest.raises(ModelNotServable) as refusal:
        Registry(f"sqlite:///{folder}/registry.db", str(folder / "models")).champion(SHOP)
    assert "install tides_of_today 1, which brought it" in str(refusal.value.hint)
