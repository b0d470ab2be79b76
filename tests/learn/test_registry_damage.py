"""A registry that is damaged or absent says so at once; nobody waits for MLflow to try it again."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from untrained import untrained

from sendopt.errors import ModelNotServable
from sendopt.learn import Registry
from sendopt.records import TenantId

SHOP, DEFAULT = TenantId("shop"), TenantId("default")
NOW = datetime(2026, 10, 1, 9, tzinfo=UTC)


def overwrite(file: Path) -> None:
    file.write_bytes(bytes(range(256)) * 1000)


def cut(file: Path) -> None:
    with file.open("r+b") as opened:
        opened.truncate(50_000)


def make_it_a_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def put_a_file_in_the_place_of_its_folder(file: Path) -> None:
    shutil.rmtree(file.parent)
    file.parent.write_text("")


@pytest.mark.parametrize(
    "damage", [overwrite, cut, make_it_a_folder, put_a_file_in_the_place_of_its_folder]
)
def test_damage_is_told_as_an_unavailable_registry(
    tmp_path: Path, make_registry: Callable[[Path], Registry], damage: Callable[[Path], None]
) -> None:
    (tmp_path / "registry").mkdir()
    make_registry(tmp_path / "registry")
    file = tmp_path / "registry" / "registry.db"
    damage(file)
    registry = Registry(f"sqlite:///{file}", str(tmp_path / "registry" / "models"))
    for ask in (
        registry.check,
        lambda: registry.champion(SHOP),
        lambda: registry.champions_outcome(SHOP),
        lambda: registry.models(SHOP),
    ):
        with pytest.raises(ModelNotServable) as refused:
            ask()
        assert refused.value.code == "registry_unavailable"


def test_an_absent_registry_has_no_champion_and_is_not_made_by_asking(tmp_path: Path) -> None:
    registry = Registry(f"sqlite:///{tmp_path}/none/registry.db", str(tmp_path / "none" / "models"))
    registry.check()
    with pytest.raises(ModelNotServable) as refused:
        registry.champion(SHOP)
    assert refused.value.code == "no_champion"
    assert not (tmp_path / "none").exists()


def test_files_that_are_gone_are_told_without_loading_them(
    tmp_path: Path, registry: Registry
) -> None:
    recorded = registry.record(DEFAULT, untrained(seed=1), params={}, tags={})
    registry.promote(DEFAULT, recorded.number, by="training", reason="better", now=NOW)
    registry.check()
    shutil.rmtree(tmp_path / "models")
    for ask in (registry.check, lambda: registry.champion(DEFAULT)):
        with pytest.raises(ModelNotServable) as refused:
            ask()
        assert refused.value.code == "model_damaged"


def changed_by(file: Path, sql: str) -> None:
    """Change a cell as a flipped bit would, in the table and in no index."""
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute(sql).rowcount == 1
        connection.commit()


@pytest.fixture
def served(tmp_path: Path, registry: Registry) -> Path:
    """The file of a registry in which model 1 was champion, and model 2 is."""
    for seed in (1, 2):
        recorded = registry.record(SHOP, untrained(seed=seed), params={}, tags={})
        registry.set_card(SHOP, recorded, "the card")
        registry.finish(SHOP, recorded, metrics={}, tags={}, gate="better")
        registry.promote(SHOP, recorded.number, by="training", reason="better", now=NOW)
    assert [*registry.storage(), *registry.changes(SHOP)] == []
    return tmp_path / "registry.db"


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        (
            "update registered_model_aliases set version = 1 where alias = 'champion'",
            "champion is model 1",
        ),
        (
            "update registered_model_aliases set alias = 'chamqion' where alias = 'champion'",
            "champion is model none",
        ),
        (
            "update registered_model_aliases set version = 2 where alias = 'last_good'",
            "last_good is model 2",
        ),
        (
            (
                "update model_version_tags set value = 'click' where version = 1 and key = "
                "'sendopt.outcome'"
            ),
            "model 1",
        ),
        (
            (
                "update model_version_tags set value = 'worse' where version = 2 and key = "
                "'sendopt.gate'"
            ),
            "model 2",
        ),
        ("update model_versions set run_id = run_id || '0' where version = 2", "model 2"),
    ],
)
def test_a_changed_cell_by_which_models_serve_is_named(
    served: Path, registry: Registry, sql: str, told: str
) -> None:
    changed_by(served, sql)
    assert told in "; ".join([*registry.storage(), *registry.changes(SHOP)])


@pytest.mark.parametrize("change", ["replace(value, '\"by\"', '\"cy\"')", "'{'"])
def test_a_changed_promotion_is_refused(served: Path, registry: Registry, change: str) -> None:
    changed_by(
        served,
        f"update registered_model_tags set value = {change} where key = 'sendopt.move.000001'",
    )
    for ask in (
        lambda: registry.models(SHOP),
        lambda: list(registry.changes(SHOP)),
        lambda: registry.roll_back(SHOP, to=None, by="ops", reason="test", now=NOW),
    ):
        with pytest.raises(ModelNotServable) as refused:
            ask()
        assert refused.value.code == "model_damaged"


def test_a_model_whose_facts_were_changed_does_not_serve_and_can_be_left(
    served: Path, registry: Registry
) -> None:
    changed_by(
        served,
        "update model_version_tags set value = '2099-01-01T00:00:00+00:00' where version = 2 "
        "and key = 'sendopt.trained_until'",
    )
    with pytest.raises(ModelNotServable) as refused:
        registry.champion(SHOP)
    assert refused.value.code == "model_damaged"
    assert registry.champions_outcome(SHOP) is None
    assert registry.last_good(SHOP).version
    assert registry.roll_back(SHOP, to=None, by="ops", reason="damaged", now=NOW).number == "1"
    assert registry.champion(SHOP).version
