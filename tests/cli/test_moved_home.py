"""A home may be moved, restored elsewhere, and lie under any name that a file system allows."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from sendopt.app import require_home
from sendopt.errors import NotFound
from sendopt.settings import Settings

Ended = Callable[..., tuple[int, str, str]]

#: Each holds what some store's URL, glob, SQL or option would read as something else; alone, to
#: tell which of them it was, they are tried by `make test-all`.
ALONE = (
    "que?stion", "hash#tag", "per%20cent%", "two  blanks", "it's", 'dou"ble', "a&b;c=d",
    "[a-z]*{x,y}", "Müller 東京 🏠", "sqlite:", "a:b@c",
)  # fmt: skip
TOGETHER = (
    "sqlite:hash#tag que?stion [a-z]*{x,y}", "Müller 東京 🏠 it's a:b@c", 'two  blanks dou"ble',
    "per%20cent% a&b;c=d", "-n", "file:x", "tenant_id=x",
)  # fmt: skip
EVENTS = "event_id,user_id,event_type,occurred_at,send_id\n"


@pytest.fixture
def events(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Make a file with one event of the given id."""

    def make(event_id: str) -> Path:
        file = tmp_path / f"{event_id}.csv"
        file.write_text(f"{EVENTS}{event_id},new-user,session,2025-03-01T10:00:00Z,\n")
        return file

    return make


def told(ended: Ended, *arguments: str) -> dict[str, object]:
    status, written, errors = ended(*arguments, "--json")
    assert status == 0, (arguments, written, errors)
    answer: dict[str, object] = json.loads(written)
    return answer


def mentions(home: Path, place: Path) -> list[str]:
    """Return the files of a home that name a place."""
    name = str(place).encode()
    files = (file for file in home.rglob("*") if file.is_file())
    return [str(file.relative_to(home)) for file in files if name in file.read_bytes()]


@pytest.mark.parametrize(
    "name", [*TOGETHER, *(pytest.param(each, marks=pytest.mark.slow) for each in ALONE)]
)
def test_a_home_may_have_any_name(
    ended: Ended, home: Path, events: Callable[[str], Path], tmp_path: Path, name: str
) -> None:
    place = tmp_path / "homes" / name / "home"
    place.parent.mkdir(parents=True)
    home.rename(place)
    status, _, errors = ended("ingest", str(events("one")), "--home", str(place))
    assert status == 0, errors
    assert ended("key", "issue", "shop", "--home", str(place))[0] == 0
    assert len(told(ended, "key", "list", "--home", str(place))["keys"]) == 1  # type: ignore[arg-type]
    assert ended("models", "list", "--home", str(place))[0] == 0
    assert ended("verify", "--home", str(place))[0] == 0
    assert [folder.name for folder in (tmp_path / "homes").iterdir()] == [name]
    assert [folder.name for folder in place.parent.iterdir()] == ["home"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the command is called."""
    below = tmp_path / "below"
    below.mkdir()
    monkeypatch.chdir(below)
    return below


@pytest.mark.parametrize(
    "name",
    [
        *("home of 100%", "-n"),
        *(
            pytest.param(each, marks=pytest.mark.slow)
            for each in ("new?home", "postgresql:", "file:x")
        ),
    ],
)
def test_a_home_may_be_relative_and_have_any_name(
    ended: Ended, home: Path, events: Callable[[str], Path], folder: Path, name: str
) -> None:
    home.rename(folder / name)
    for command in (("ingest", str(events("one"))), ("models", "list"), ("verify",)):
        status, _, errors = ended(*command, f"--home={name}")
        assert status == 0, errors
    assert [each.name for each in folder.iterdir()] == [name]
    assert not mentions(folder / name, folder)


def test_a_home_with_a_backslash_is_refused_before_anything_is_made(
    ended: Ended, events: Callable[[str], Path], tmp_path: Path
) -> None:
    log = str(events("one"))
    status, _, errors = ended("ingest", log, "--home", str(tmp_path / "back\\slash"))
    assert status == 2
    assert "home_unusable" in errors
    assert not list(tmp_path.glob("back*"))


@pytest.mark.slow
def test_a_home_that_was_moved_works_and_leaves_nothing_behind(
    ended: Ended,
    trained_home: Path,
    events: Callable[[str], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    old, new = tmp_path / "old place", tmp_path / "moved?" / "50% #1 & 'so' on"
    shutil.copytree(trained_home, old)
    new.parent.mkdir()
    monkeypatch.setenv("SENDOPT_HOME", str(old))
    told(ended, "train", "--as-of", "2025-03-19T00:00:00Z")
    told(ended, "score")
    assert not mentions(old, old)
    old.rename(new)
    monkeypatch.setenv("SENDOPT_HOME", str(new))
    told(ended, "score", "--out", str(tmp_path / "scores.parquet"))
    before = set((new / "registry").rglob("*.json"))
    told(ended, "train", "--as-of", "2025-03-18T00:00:00Z")
    assert set((new / "registry").rglob("*.json")) > before
    told(ended, "ingest", str(events("after-the-move")))
    campaign = tmp_path / "campaign.json"
    campaign.write_text(json.dumps(CAMPAIGN))
    told(ended, "plan", str(campaign), "--commit")
    told(ended, "verify")
    told(ended, "models", "rollback", "--reason", "files of an old model", "--to", "1")
    assert not old.exists()
    assert not mentions(new, new)


ASKING = (
    "score", "train", "models list", "models show", "explain ann", "verify", "drift", "backtest",
    "lift", "plan campaign.json", "key issue shop",
)  # fmt: skip


@pytest.mark.parametrize("command", ASKING)
def test_what_only_asks_begins_no_home(
    ended: Ended, tmp_path: Path, folder: Path, command: str
) -> None:
    (folder / "campaign.json").write_text(json.dumps(CAMPAIGN))
    wrong = tmp_path / "wrong"
    status, out, _ = ended(*command.split(), "--json", "--home", str(wrong))
    assert (status, json.loads(out)["error"]["code"]) == (2, "home_unknown")
    assert not wrong.exists()


def test_a_folder_of_other_things_is_no_home(ended: Ended, folder: Path) -> None:
    (folder / "holiday.txt").write_text("")
    status, out, _ = ended("score", "--json", "--home", str(folder))
    assert (status, json.loads(out)["error"]["code"]) == (2, "home_unknown")
    assert [path.name for path in folder.iterdir()] == ["holiday.txt"]


@pytest.mark.parametrize(
    ("held", "asks", "serves"),
    [
        (None, False, False),  # the folder is not there: somebody mistyped its name
        ((), False, True),
        (("log/",), False, True),
        (("log/", "lost+found/"), False, True),
        (("log/run.log",), False, False),
        (("log",), False, False),
        (("log/", "holiday.txt"), False, False),
        (("log/catalog.sqlite",), True, True),
        (("state.sqlite", "holiday.txt"), True, True),
    ],
)
def test_a_service_begins_a_home_in_an_empty_folder_and_nothing_else_does(
    folder: Path, held: tuple[str, ...] | None, asks: bool, serves: bool
) -> None:
    home = folder / "home"
    for name in held or ():
        path = home / name
        if name.endswith("/"):
            path.mkdir(parents=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    if held == ():
        home.mkdir()
    settings = Settings(home=home)
    for fresh_will_do, expected in ((False, asks), (True, serves)):
        if expected:
            require_home(settings, fresh_will_do=fresh_will_do)
            continue
        with pytest.raises(NotFound) as refusal:
            require_home(settings, fresh_will_do=fresh_will_do)
        assert refusal.value.code == "home_unknown"


CAMPAIGN = {
    "campaign_id": "autumn",
    "channel": "simulator",
    "variants": [
        {"variant_id": "a", "title": "Hello", "body": "there", "url": "https://shop.example"}
    ],
    "send_window": {"earliest_at": "2030-10-25T00:00:00Z", "latest_at": "2030-10-26T00:00:00Z"},
    "audience": ["new-user"],
    "quiet_hours": None,
}


@pytest.mark.slow
def test_a_home_of_an_earlier_release_whose_models_name_a_place_may_be_moved(
    ended: Ended, trained_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = tmp_path / "new"
    shutil.copytree(trained_home, new)
    gone = "/gone/sendopt-home"
    with closing(sqlite3.connect(new / "registry" / "mlflow.sqlite")) as notes:
        for table, column in (("experiments", "artifact_location"), ("runs", "artifact_uri")):
            notes.execute(
                f"update {table} set {column} = replace({column}, ?, ?)",
                ("mlflow-artifacts:", f"{gone}/registry/artifacts"),
            )
        noted = notes.execute("select artifact_uri from runs").fetchall()
        notes.commit()
    with closing(sqlite3.connect(new / "log" / "catalog.sqlite")) as notes:
        notes.execute(
            "update ducklake_metadata set value = ? where key = 'data_path'", (f"{gone}/log/data/",)
        )
        notes.commit()
    assert all(uri.startswith(gone) for (uri,) in noted)
    monkeypatch.setenv("SENDOPT_HOME", str(new))
    told(ended, "score")
    told(ended, "train", "--as-of", "2025-03-18T00:00:00Z")
    told(ended, "verify")
    assert not Path(gone).parent.exists()
