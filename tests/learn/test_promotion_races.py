"""Whoever changes the champion meanwhile: every promotion is noted, and none is decided blind."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from untrained import untrained

from sendopt.errors import Conflict
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
    seen = registries[0].seen(SHOP)
    came = at_once(
        [
            lambda each=each, number=number: each.promote(
                SHOP, number, by="training", reason="", now=NOW, seen=seen
            )
            for each, number in zip(registries, others, strict=True)
        ]
    )
    refused = [each for each in came if isinstance(each, Conflict)]
    assert [each.code for each in refused] == ["champion_changed"] * (PROCESSES - 1)
    served = {model.number for model in registries[0].models(SHOP) if model.served}
    assert served == {first, registries[0].seen(SHOP).number}


def test_a_roll_back_during_a_training_is_not_undone_by_it(registries: list[Registry]) -> None:
    training, operator, *_ = registries
    for seed in (1, 2):
        recorded = training.record(SHOP, untrained(seed=seed), params={}, tags={})
        training.promote(SHOP, recorded.number, by="training", reason="", now=NOW)
    seen = training.seen(SHOP)
    operator.roll_back(SHOP, to=None, by="anna", reason="opens fell", now=NOW)
    recorded = training.record(SHOP, untrained(seed=3), params={}, tags={})
    with pytest.raises(Conflict, match="changed while"):
        training.promote(SHOP, recorded.number, by="training", reason="", now=NOW, seen=seen)
    assert training.seen(SHOP).number == "1"
