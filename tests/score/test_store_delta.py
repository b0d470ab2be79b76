"""A base and its delta are read as one store, of one moment, or refused."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from examples import at_most
from hypothesis import given, settings
from hypothesis import strategies as st

from sendopt.errors import StoreFailure
from sendopt.records import TenantId, UserId
from sendopt.score import Weeks
from sendopt.score.store import ScoreStore, delta_of, slot_of
from sendopt.score.store_file import LARGEST_ERROR, About
from sendopt.score.store_writer import write_delta, write_store

AS_OF = datetime(2026, 9, 28, tzinfo=UTC)
ABOUT = About(TenantId("shop"), "0123456789abcdef", 7, AS_OF, AS_OF)
LATER = replace(
    ABOUT, log_snapshot=8, as_of=AS_OF + timedelta(1), runs=(AS_OF, AS_OF + timedelta(1))
)


def weeks_of(users: list[str], best: int) -> tuple[pa.Array, pa.Array, list[Weeks]]:
    """Return ids, zones and weeks of which the hour `best` is the best one."""
    ids = pa.array(users, pa.string())
    logit = np.zeros((len(users), 168), np.float32)
    logit[:, best] = 1.0
    return ids, pa.array(["UTC"] * len(users), pa.string()), [Weeks(ids, logit)]


def write_base(path: Path, users: list[str], best: int, about: About = ABOUT) -> ScoreStore:
    write_store(path, about, *weeks_of(users, best))
    return opened(path)


def write_news(store: ScoreStore, users: list[str], best: int, about: About = LATER) -> ScoreStore:
    write_delta(store, about, *weeks_of(users, best), kept=None)
    return opened(store.path, known=store)


def opened(path: Path, known: ScoreStore | None = None) -> ScoreStore:
    about = ABOUT
    return ScoreStore(
        path, tenant_id=about.tenant_id, model_version=about.model_version, known=known
    )


def best_of(store: ScoreStore, user: str) -> int | None:
    row = store.find(UserId(user))
    return None if row is None else slot_of(store.best(row, 1)[0])


NAMES = st.sets(st.text(min_size=1, max_size=3).filter(str.isprintable), max_size=20)


@settings(max_examples=at_most(60), deadline=None)
@given(everybody=NAMES, news=NAMES)
def test_who_was_scored_since_is_read_from_the_delta_and_all_others_from_the_base(
    tmp_path_factory: pytest.TempPathFactory, everybody: set[str], news: set[str]
) -> None:
    path = tmp_path_factory.mktemp("scores") / "a.scores"
    before = write_base(path, sorted(everybody, key=str.encode), 3)
    store = write_news(before, sorted(news, key=str.encode), 5)
    users = sorted(everybody | news, key=str.encode)
    assert (len(store), store.user_ids.to_pylist(), store.about) == (len(users), users, LATER)
    for row, user in zip(store.rows, users, strict=True):
        assert store.find(UserId(user)) == row
        assert best_of(store, user) == (5 if user in news else 3)
        assert store.as_of_text(row).startswith("2026-09-29" if user in news else "2026-09-28")
    told = [logit.argmax() for some in store.weeks() for logit in some.logit]
    assert told == [5 if user in news else 3 for user in users]
    assert store.logits(store.rows).max(initial=0.0) <= 1.0 + LARGEST_ERROR
    assert before.delta is None  # who opened it before still reads what was there then
    assert best_of(before, min(news - everybody, default="?")) is None


def test_a_delta_counts_beside_its_own_base_alone(tmp_path: Path) -> None:
    store = write_news(write_base(tmp_path / "a.scores", ["ann", "bob"], 1), ["ann"], 2)
    delta = delta_of(store.path).read_bytes()
    assert best_of(store, "ann") == 2
    anew = write_base(store.path, ["ann", "bob"], 3, replace(ABOUT, log_snapshot=9))
    assert not delta_of(store.path).exists()
    delta_of(store.path).write_bytes(delta)
    assert opened(store.path).about == anew.about
    assert best_of(opened(store.path), "ann") == 3
    assert best_of(write_news(opened(store.path), ["bob"], 4), "bob") == 4


def test_a_base_is_not_read_again_for_a_new_delta(tmp_path: Path) -> None:
    store = write_base(tmp_path / "a.scores", ["ann", "bob"], 1)
    assert store.is_current()
    again = write_news(store, ["ann"], 2)
    assert (again.base is store.base, store.is_current(), again.is_current()) == (True, False, True)
    write_base(store.path, ["ann", "bob"], 3)
    assert opened(store.path, known=again).base is not store.base


@pytest.mark.parametrize("whose", [{"tenant_id": TenantId("other")}, {"model_version": "fedcba98"}])
def test_a_delta_of_another_tenant_or_model_is_refused(
    tmp_path: Path, whose: dict[str, str]
) -> None:
    store = write_base(tmp_path / "a.scores", ["ann"], 1)
    write_delta(store, replace(LATER, **whose), *weeks_of(["ann"], 2), kept=None)  # type: ignore[arg-type]
    with pytest.raises(StoreFailure, match="another tenant's or another model's"):
        opened(store.path)


def test_a_delta_is_no_base(tmp_path: Path) -> None:
    store = write_news(write_base(tmp_path / "a.scores", ["ann", "bob"], 1), ["ann"], 2)
    delta_of(store.path).replace(tmp_path / "b.scores")
    with pytest.raises(StoreFailure, match="holds some users alone"):
        opened(tmp_path / "b.scores")


@settings(max_examples=at_most(40), deadline=None)
@given(where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_one_changed_bit_of_a_delta_is_refused(
    tmp_path_factory: pytest.TempPathFactory, where: float, bit: int
) -> None:
    path = tmp_path_factory.mktemp("scores") / "a.scores"
    store = write_news(write_base(path, ["ann", "bob"], 1), ["ann"], 2)
    content = bytearray(delta_of(store.path).read_bytes())
    content[int(where * len(content))] ^= 1 << bit
    delta_of(store.path).write_bytes(content)
    with pytest.raises(StoreFailure) as refusal:
        opened(path)
    assert refusal.value.code == "scores_unreadable"


def test_the_old_delta_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    store = write_news(write_base(tmp_path / "a.scores", ["ann", "bob"], 1), ["ann"], 2)
    users, zones, weeks = weeks_of(["ann", "bob"], 3)

    def interrupted() -> Iterator[Weeks]:
        yield Weeks(users.slice(0, 1), weeks[0].logit[:1])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_delta(store, LATER, users, zones, interrupted(), kept=None)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.delta", "a.scores"]
    assert [best_of(opened(store.path), user) for user in ("ann", "bob")] == [2, 1]


def test_whoever_opens_it_while_it_is_written_sees_one_moment_and_never_an_earlier_one(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.scores"
    numbers = iter(range(1, 1_000))

    def about() -> About:
        return replace(ABOUT, log_snapshot=next(numbers))

    store = write_base(path, ["ann", "bob"], 0, about())
    done = threading.Event()

    def write() -> None:
        for each in range(1, 41):
            base = write_base(path, ["ann", "bob"], each, about())
            write_news(base, ["ann"], 100 + each, about())
        done.set()

    writing = threading.Thread(target=write)
    writing.start()
    seen = []
    while not done.is_set():
        store = opened(path, known=store)
        ann, bob = best_of(store, "ann"), best_of(store, "bob")
        assert ann is not None
        assert bob is not None
        assert ann in {bob, 100 + bob}
        seen.append(store.about.log_snapshot)
    writing.join()
    assert seen == sorted(seen)
    assert (best_of(opened(path), "ann"), best_of(opened(path), "bob")) == (140, 40)
