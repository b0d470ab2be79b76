"""The worked scenarios keep what they promise, and a promise that is broken is noticed."""

from __future__ import annotations

import importlib
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from types import ModuleType

import pytest

SCENARIOS = Path(__file__).parents[2] / "pipelines" / "scenarios"


@pytest.fixture
def rehearsal(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(SCENARIOS))
    return importlib.import_module("rehearsal")


@pytest.mark.parametrize(("name", "users"), [("bank", 20), ("school", 12), ("shop", 40)])
def test_every_promise_of_a_scenario_is_kept(
    name: str, users: int, rehearsal: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scenario = importlib.import_module(name)
    picture = tmp_path / "picture.svg"
    assert scenario.main(["--users", str(users), "--picture", str(picture)]) == 0
    said = capsys.readouterr().out
    assert said.count("kept: ") >= 6
    assert "BROKEN" not in said
    assert picture.stat().st_size > 10_000


def test_a_broken_promise_is_noticed(
    rehearsal: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    start = datetime(2026, 10, 1, 12, tzinfo=UTC)
    with rehearsal.rehearsal(None, start) as played:
        played.received += [
            rehearsal.Received(start + after, "sale", "ann", "Asia/Tokyo", "")  # 21:00 there
            for after in (timedelta(0), timedelta(seconds=1), timedelta(hours=20))
        ]
        of = {"of": ["sale"]}
        for promise in (
            lambda: played.promise_nothing_at(time(22), time(8), **of),
            lambda: played.promise_at_most(3, timedelta(days=1), **of),
            lambda: played.promise_at_most(2, timedelta(hours=20), **of),
            lambda: played.promise_per_minute(2, besides=["receipt"]),
        ):
            promise()
            assert played.status == 0, capsys.readouterr().out
        for broken in (
            lambda: played.promise_nothing_at(time(21), time(8), **of),
            lambda: played.promise_at_most(2, timedelta(days=1), **of),
            lambda: played.promise_per_minute(1, besides=["receipt"]),
        ):
            capsys.readouterr()
            broken()
            assert "BROKEN" in capsys.readouterr().out
        assert played.status == 1
