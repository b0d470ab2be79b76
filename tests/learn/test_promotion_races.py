"""Whoever changes the champion meanwhile: every promotion is noted, and none is decided blind."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, nullcontext
from datetime import UTC, datetime
from pathlib import Path

import pytest
from mlflow import MlflowClient
from untrained import untrained

from sendopt.errors import Conflict, ModelNotServable, NotFound, StoreFailure
from sendopt.learn import Registry
from sendopt.log import Log, LogLocation
from sendopt.records import TenantId

SHOP = TenantId("shop")
NOW = datetime(2026, 10, 1, 9, tzinfo=UTC)
PROCESSES = 3


@pytest.fixture
def registries(registry: Registry, tmp_path: Path) -> list[Registry]:
    """The same registry, as that many processes hold it, all of them over one log."""
    location = LogLocation(str(tmp_path / "log.sqlite"), str(tmp_path / "log-data"))
    with closing(Log(location)) as log:
        uri, models = f"sqlite:///{tmp_path}/registry.db", str(tmp_path / "models")
        return [
            Registry(uri, models, moving=lambda: log.exclusively("promote"))
            for _ in range(PROCESSES)
        ]


def at_once(actions: list[Callable[[], object]]) -> list[object]:
    """Run `actions` in threads that start together; return what each returned or raised."""
    barrier, came = threading.Barrier(len(actions)), [None] * len(actions)

    def act(place: int) -> None:
        barrier.wait()
        try:
            came[place] = actions[place]()  # type: ignore[call-overload]
        except Conflict as conflict:
            came[place] = conflict  # type: ignore[call-overload]

    threads = [threading.Thread(target=act, args=(place,)) for place in range(len(actions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return list(came)


def test_promotions_at_once_are_all_noted_each_after_the_one_before(
    registries: list[Registry],
) -> None:
    numbers = [
        each.record(SHOP, untrained(seed=seed), params={}, tags={}).number
        for seed, each in enumerate(registries)
    ]
    at_once(
        [
            lambda each=each, number=number: each.promote(SHOP, number, by="x", reason="", now=NOW)
            for each, number in zip(registries, numbers, strict=True)
        ]
    )
    models = registries[0].models(SHOP)
    made = {model.number: model.promotions for model in models}
    assert all(len(promotions) == 1 for promotions in made.values())
    followed = {promotions[0].before: number for number, promotions in made.items()}
    assert len(followed) == PROCESSES
    (champion,) = [model.number for model in models if "champion" in model.aliases]
    (good,) = [model.number for model in models if "last_good" in model.aliases]
    assert champion not in followed
    assert followed[good] == champion


def test_of_those_who_were_judged_against_the_same_champion_one_takes_its_place(
    registries: list[Registry],
) -> None:
    first, *others = [
        registries[0].record(SHOP, untrained(seed=seed), params={}, tags={}).number
        for seed in range(PROCESSES + 1)
    ]
    registries[0].promote(SHOP, first, by="x", reason="", now=NOW)
    predecessor = registries[0].serving_version(SHOP)
    came = at_once(
        [
            lambda each=each, number=number: each.promote(
                SHOP, number, by="training", reason="", now=NOW, predecessor=predecessor
            )
            for each, number in zip(registries, others, strict=True)
        ]
    )
    refused = [each for each in came if isinstance(each, Conflict)]
    assert [each.code for each in refused] == ["champion_changed"] * (PROCESSES - 1)
    served = {model.number for model in registries[0].models(SHOP) if model.served}
    assert served == {first, registries[0].serving_version(SHOP).number}


def test_a_roll_back_during_a_training_is_not_undone_by_it(registries: list[Registry]) -> None:
    training, operator, *_ = registries
    for seed in (1, 2):
        recorded = training.record(SHOP, untrained(seed=seed), params={}, tags={})
        training.promote(SHOP, recorded.number, by="training", reason="", now=NOW)
    predecessor = training.serving_version(SHOP)
    operator.roll_back(SHOP, to=None, by="anna", reason="opens fell", now=NOW)
    recorded = training.record(SHOP, untrained(seed=3), params={}, tags={})
    with pytest.raises(Conflict, match="changed while"):
        training.promote(
            SHOP, recorded.number, by="training", reason="", now=NOW, predecessor=predecessor
        )
    assert training.serving_version(SHOP).number == "1"


def test_a_model_that_is_damaged_while_others_change_the_champion_does_not_take_its_place(
    registries: list[Registry], tmp_path: Path
) -> None:
    first, second = (
        registries[0].record(SHOP, untrained(seed=seed), params={}, tags={}).number
        for seed in (1, 2)
    )
    registries[0].promote(SHOP, first, by="x", reason="", now=NOW)
    with ThreadPoolExecutor(1) as threads, registries[1]._moving():
        promoted = threads.submit(registries[0].promote, SHOP, second, by="x", reason="", now=NOW)
        for file in (tmp_path / "models").rglob("*"):
            if file.is_file():
                file.write_bytes(b"damaged")
    with pytest.raises(ModelNotServable) as refused:
        promoted.result()
    assert refused.value.code == "model_damaged"
    assert registries[0].serving_version(SHOP).number == first
    assert [len(model.promotions) for model in registries[0].models(SHOP)] == [0, 1]


def test_a_damaged_model_is_not_rolled_back_to_by_a_process_that_holds_it_still(
    registries: list[Registry], tmp_path: Path
) -> None:
    registry, *_ = registries
    for seed in (1, 2):
        recorded = registry.record(SHOP, untrained(seed=seed), params={}, tags={})
        registry.promote(SHOP, recorded.number, by="training", reason="", now=NOW)
        registry.champion(SHOP)
    shutil.rmtree(tmp_path / "models")
    with pytest.raises(ModelNotServable) as refused:
        registry.roll_back(SHOP, to=None, by="anna", reason="opens fell", now=NOW)
    assert refused.value.code == "model_damaged"
    assert registry.serving_version(SHOP).number == "2"


def test_a_model_that_was_removed_is_not_promoted(
    registries: list[Registry], tmp_path: Path
) -> None:
    registry, *_ = registries
    recorded = registry.record(SHOP, untrained(seed=1), params={}, tags={})
    MlflowClient(f"sqlite:///{tmp_path}/registry.db").delete_model_version(
        "sendopt-shop", recorded.number
    )
    with pytest.raises(NotFound) as refused:
        registry.promote(SHOP, recorded.number, by="training", reason="", now=NOW)
    assert refused.value.code == "model_unknown"
    assert registry.serving_version(SHOP).number is None


def test_who_has_lost_the_right_to_change_the_champion_does_not(
    registry: Registry, tmp_path: Path
) -> None:
    """As where the server restarted that keeps it, and another process has it by now."""
    number = registry.record(SHOP, untrained(seed=1), params={}, tags={}).number

    def lost() -> None:
        raise StoreFailure("the session is gone", statement="promote")

    late = Registry(
        f"sqlite:///{tmp_path}/registry.db",
        str(tmp_path / "models"),
        moving=lambda: nullcontext(lost),
    )
    with pytest.raises(StoreFailure, match="session is gone"):
        late.promote(SHOP, number, by="x", reason="", now=NOW)
    (model,) = registry.models(SHOP)
    assert not model.promotions
    assert registry.serving_version(SHOP).number is None
