"""A registry that is damaged or absent says so at once; nobody waits for MLflow to try it again."""

from __future__ import annotations

import shutil
from collections.abc import Callable
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
