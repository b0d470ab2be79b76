"""The score store gives back what was written, to whom it belongs, or refuses."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from examples import at_most
from hypothesis import given, settings
from hypothesis import strategies as st

from sendopt.errors import InvalidInput, StoreFailure
from sendopt.records import TenantId, UserId
from sendopt.score import Weeks
from sendopt.score.store import ScoreStore, delta_of, probability_of, slot_of
from sendopt.score.store_file import LARGEST_ERROR, About
from sendopt.score.store_writer import write_store
from sendopt.score.weeks import SUREST_LOGIT

AS_OF = datetime(2026, 9, 28, tzinfo=UTC)
ABOUT = About(TenantId("shop"), "0123456789abcdef", 7, AS_OF, AS_OF)
ZONES = ("UTC", "Pacific/Auckland", "Asia/Kolkata")


def write(path: Path, ids: list[str], *, seed: int = 0, at_once: int = 3) -> np.ndarray:
    """Store noise for `ids`, a few users at a time; return the logits."""
    rng = np.random.default_rng(seed)
    logit = rng.normal(scale=6.0, size=(len(ids), 168)).clip(-SUREST_LOGIT, SUREST_LOGIT)
    logit = logit.astype(np.float32)
    users = pa.array(ids, pa.string())
    weeks = [
        Weeks(users.slice(first, at_once), logit[first : first + at_once])
        for first in range(0, len(ids), at_once)
    ]
    zones = pa.array([ZONES[number % 3] for number in range(len(ids))], pa.string())
    write_store(path, ABOUT, users, zones, weeks)
    return logit


def opened(path: Path) -> ScoreStore:
    return ScoreStore(path, tenant_id=ABOUT.tenant_id, model_version=ABOUT.model_version)


@settings(max_examples=at_most(40), deadline=None)
@given(
    ids=st.sets(st.text(min_size=1, max_size=6).filter(lambda text: text.isprintable())),
    missing=st.text(max_size=6),
    many=st.integers(0, 600),
)
def test_every_user_finds_the_own_week_and_nobody_else_finds_one(
    tmp_path_factory: pytest.TempPathFactory, ids: set[str], missing: str, many: int
) -> None:
    path = tmp_path_factory.mktemp("scores") / "a.scores"
    everybody = sorted(ids | {f"user-{number}" for number in range(many)}, key=str.encode)
    logit = write(path, everybody, at_once=101)
    store = opened(path)
    assert len(store) == len(everybody)
    assert store.about == ABOUT
    for number, user_id in enumerate(everybody):
        row = store.find(UserId(user_id))
        assert row == number
        assert store.zone(row) == ZONES[number % 3]
        slots = [slot_of(word) for word in store.best(row, 5)]
        assert logit[number][slots] == pytest.approx(
            np.sort(logit[number])[::-1][:5], abs=LARGEST_ERROR
        )
    if missing not in everybody:
        assert store.find(UserId(missing)) is None


def test_a_week_is_told_best_first_and_nearly_exactly(tmp_path: Path) -> None:
    logit = write(tmp_path / "a", ["ann", "bob"])
    store = opened(tmp_path / "a")
    for row in (0, 1):
        words = store.best(row, 168)
        slots = [slot_of(word) for word in words]
        assert sorted(slots) == list(range(168))
        assert slots[0] == logit[row].argmax()
        told = np.array([probability_of(word) for word in words])
        assert (np.diff(told) <= 0).all()
        assert np.log(told) - np.log1p(-told) == pytest.approx(
            logit[row][slots].astype(float), abs=LARGEST_ERROR
        )


def test_equal_hours_stand_in_the_order_of_the_week(tmp_path: Path) -> None:
    users = pa.array(["ann"])
    week = Weeks(users, np.full((1, 168), 0.25, np.float32))
    write_store(tmp_path / "a", ABOUT, users, pa.array(["UTC"]), [week])
    assert [slot_of(word) for word in opened(tmp_path / "a").best(0, 168)] == list(range(168))


@settings(max_examples=at_most(60), deadline=None)
@given(where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_one_changed_bit_anywhere_is_refused(
    tmp_path_factory: pytest.TempPathFactory, where: float, bit: int
) -> None:
    path = tmp_path_factory.mktemp("scores") / "a"
    write(path, ["ann", "bob", "eve"])
    content = bytearray(path.read_bytes())
    content[int(where * len(content))] ^= 1 << bit
    path.write_bytes(content)
    with pytest.raises(StoreFailure) as refusal:
        opened(path)
    assert refusal.value.code == "scores_unreadable"


@pytest.mark.parametrize("kept", [0, 1, 30, 1000, -1])
def test_a_file_cut_short_is_refused(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "a"
    write(path, ["ann", "bob"])
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(StoreFailure):
        opened(path)


def test_a_file_that_is_cut_short_while_it_is_in_use_is_refused_and_ends_nobody(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a"
    write(path, [f"user-{number:04}" for number in range(1000)])
    store = opened(path)
    assert store.find(UserId("user-0999")) == 999
    with path.open("r+b") as file:
        file.truncate(5000)
    for ask in (
        lambda: store.find(UserId("user-0999")),
        lambda: store.user_ids,
        lambda: store.logits(np.array([999])),
    ):
        with pytest.raises(StoreFailure) as refusal:
            ask()
        assert refusal.value.code == "scores_unreadable"


@pytest.mark.parametrize("place", ["a", "a.delta"])
def test_a_folder_in_the_place_of_a_file_is_explained(tmp_path: Path, place: str) -> None:
    base = tmp_path / "a.scores"
    (base if place == "a" else delta_of(base)).mkdir()
    with pytest.raises(StoreFailure) as refusal:
        write(base, ["ann"])
    assert refusal.value.code == "disk_failed"
    if place == "a":
        with pytest.raises(StoreFailure) as refusal:
            opened(base)
        assert refusal.value.code == "scores_unreadable"


@pytest.mark.parametrize("content", [b"PAR1", b"sendopt\x1a" + bytes(64), bytes(4096)])
def test_what_is_no_store_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(StoreFailure):
        opened(tmp_path / "a")
    with pytest.raises(StoreFailure):
        opened(tmp_path / "nowhere")


def test_the_format_of_another_release_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "a", ["ann"])
    content = bytearray((tmp_path / "a").read_bytes()[:-32])
    content[8] += 1
    (tmp_path / "a").write_bytes(content + hashlib.sha256(content).digest())
    with pytest.raises(StoreFailure, match="has format 3, this release reads 2"):
        opened(tmp_path / "a")


def test_another_tenants_or_models_store_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "a", ["ann"])
    for tenant_id, version in (("other", ABOUT.model_version), ("shop", "fedcba9876543210")):
        with pytest.raises(StoreFailure, match="another tenant's or another model's"):
            ScoreStore(tmp_path / "a", tenant_id=TenantId(tenant_id), model_version=version)


def test_the_old_store_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a"
    old = write(path, ["ann", "bob"])
    reader = opened(path)
    users, zones = pa.array(["ann", "bob"]), pa.array(["UTC", "UTC"])

    def interrupted() -> Iterator[Weeks]:
        yield Weeks(users.slice(0, 1), np.zeros((1, 168), np.float32))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_store(path, ABOUT, users, zones, interrupted())
    assert list(tmp_path.iterdir()) == [path]
    assert slot_of(opened(path).best(1, 1)[0]) == old[1].argmax()
    later = replace(ABOUT, log_snapshot=8)
    write_store(path, later, users, zones, [Weeks(users, np.zeros((2, 168), np.float32))])
    assert opened(path).about == later
    assert slot_of(reader.best(1, 1)[0]) == old[1].argmax()


@pytest.mark.parametrize("ids", [["b", "a"], ["a", "a"]])
def test_users_out_of_order_are_refused(tmp_path: Path, ids: list[str]) -> None:
    with pytest.raises(InvalidInput) as refusal:
        write(tmp_path / "a", ids)
    assert refusal.value.code == "unsorted"


@pytest.mark.parametrize("of", [["ann"], ["ann", "eve"], ["ann", "bob", "eve"], []])
def test_weeks_of_others_are_refused(tmp_path: Path, of: list[str]) -> None:
    users = pa.array(["ann", "bob"])
    week = Weeks(pa.array(of, pa.string()), np.zeros((len(of), 168), np.float32))
    with pytest.raises(InvalidInput):
        write_store(tmp_path / "a", ABOUT, users, pa.array(["UTC", "UTC"]), [week])
    assert not list(tmp_path.iterdir())
