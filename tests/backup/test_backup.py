"""A backup holds one moment of everything, restores elsewhere, and never half."""

from __future__ import annotations

import hashlib
import io
import itertools
import json
import shutil
import socket
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import pytest
from backup.homes import silently

from sendopt.app import back_up, list_backups, open_app, restore
from sendopt.app.stores import DEFAULT_TENANT
from sendopt.backup.backups import Backups
from sendopt.backup.place import FolderPlace
from sendopt.backup.scratch import scratch_folder
from sendopt.errors import Conflict, InvalidInput, LeaseHeld, NotFound, StoreFailure
from sendopt.log import event_table
from sendopt.log.statements import literal
from sendopt.records import Event, EventType, UserId
from sendopt.settings import LogSettings, Settings, StateSettings

FOLDER = pytest.mark.parametrize("place", ["folder"], indirect=True)


def files_of(home):
    """What a home consists of, the locks of its log left out."""
    return {
        str(file.relative_to(home)): file.read_bytes()
        for file in home.rglob("*")
        if file.is_file() and not file.name.endswith((".append", ".migrate", ".name", "-shm"))
    }


def append(home, tag, count):
    """Append events, as an import does."""
    with closing(open_app(Settings(home=home))) as app, app.log.appender() as appender:
        at = app.clock.now()
        events = [Event(f"{tag}-{n}", UserId("u"), EventType.SESSION, at) for n in range(count)]
        appender.append(DEFAULT_TENANT, event_table(events))


def test_a_restored_home_holds_what_the_original_held(
    keep, bring_back, worked_home, tmp_path, clock
):
    kept = keep()
    home = tmp_path / "else where" / "home"
    report = bring_back(home)
    assert report.manifest == kept.manifest
    unchanged = {name for name in files_of(worked_home) if not name.endswith("state.sqlite")}
    original, restored = files_of(worked_home), files_of(home)
    assert set(restored) == set(original)
    assert all(restored[name] == original[name] for name in unchanged if "sqlite" not in name)
    assert kept.manifest.counts["default"]["planned_send"] == 10
    assert kept.manifest.counts["default"]["log.event"] == 5
    assert kept.manifest.outbox_position == kept.manifest.high_water_mark == 5
    for path in (home, *home.rglob("*")):
        assert path.stat().st_mode & 0o077 == 0, path
    shutil.rmtree(worked_home)
    with closing(open_app(Settings(home=home), clock=clock)) as app:
        assert not app.operator.verify(progress=silently).findings


@pytest.mark.slow
def test_a_second_backup_copies_only_what_is_new(keep, bring_back, worked_home, tmp_path):
    first = keep()
    assert keep().new_files == 0
    append(worked_home, "later", 2_000)
    second = keep()
    # The catalog, and the one file of the events; the state and all others are as they were.
    assert second.new_files == 2
    assert len(second.manifest.files) == len(first.manifest.files) + 1
    bring_back(tmp_path / "new")
    assert second.manifest.counts["default"]["log.event"] == 2_005
    old = bring_back(tmp_path / "old", backup_id=first.backup_id)
    assert old.manifest.counts["default"]["log.event"] == 5


class Interrupted(FolderPlace):
    """A folder whose process is killed at its nth write."""

    def __init__(self, folder, after):
        super().__init__(folder)
        self.left = after

    def write(self, name, source):
        if not self.left:
            raise KeyboardInterrupt
        self.left -= 1
        return super().write(name, source)


@pytest.mark.slow
@FOLDER
def test_an_interrupted_backup_is_none_and_the_next_goes_on(
    keep, bring_back, place, tmp_path, monkeypatch
):
    folder = Path(place[0])
    written = []
    for after in itertools.count():
        interrupted = Interrupted(folder, 1)
        monkeypatch.setattr("sendopt.app.backing_up.open_place", lambda *_, it=interrupted: it)
        with suppress(KeyboardInterrupt):
            written.append(keep())
            break
        assert Backups(FolderPlace(folder)).ids() == []
        with pytest.raises(NotFound) as refusal:
            bring_back(tmp_path / "new")
        assert refusal.value.code == "backup_unknown"
        assert len(list((folder / "files").iterdir())) == after + 1  # nothing was written twice
    assert written[0].new_files == 0  # the last write of all was the manifest
    bring_back(tmp_path / "new")


def test_every_damaged_file_is_named_and_nothing_is_restored(
    keep, bring_back, place, tmp_path, s3_store
):
    kept = keep()
    root = Path(place[0]) if "://" not in place[0] else s3_store[1] / place[0].removeprefix("s3://")
    flipped, gone, cut = (
        next(file for file in kept.manifest.files if file.path.endswith(ending))
        for ending in ("secrets.json", "card.md", "1.delta")
    )
    content = bytearray((root / "files" / flipped.sha256).read_bytes())
    content[len(content) // 2] ^= 1
    (root / "files" / flipped.sha256).write_bytes(content)
    (root / "files" / gone.sha256).unlink()
    (root / "files" / cut.sha256).write_bytes(b"delta")
    expected = {flipped.path, gone.path, cut.path}
    if "://" not in place[0]:  # what a disk answers that cannot read a file
        unread = next(f for f in kept.manifest.files if f.path.endswith("1.scores"))
        (root / "files" / unread.sha256).unlink()
        (root / "files" / unread.sha256).mkdir()
        expected.add(unread.path)
    with pytest.raises(StoreFailure) as refusal:
        bring_back(tmp_path / "new" / "home")
    assert refusal.value.code == "backup_damaged"
    assert all(path in refusal.value.message for path in expected)
    assert list((tmp_path / "new").iterdir()) == []
    settings = Settings(backup=place[1])
    (listed,) = list_backups(settings, place[0], check=True, progress=silently)
    assert len(listed.faults) == len(expected)
    if "://" not in place[0]:
        (root / "files" / unread.sha256).rmdir()
    # What is cut short or gone is stored again; a flip is not looked for in what is there.
    assert keep().new_files == len(expected) - 1


def test_what_a_killed_backup_has_copied_is_dropped_by_the_next(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    left = tmp_path / "sendopt-backup-killed"
    left.mkdir()
    (left / "state.sqlite").write_text("users' addresses")
    with scratch_folder() as first, scratch_folder() as second:
        assert {*tmp_path.iterdir()} == {first, second}
    assert not [*tmp_path.iterdir()]


@FOLDER
def test_what_others_keep_in_the_place_is_neither_a_backup_nor_deleted(
    keep, bring_back, place, tmp_path, worked_home
):
    theirs = [
        Path(place[0], folder, name)
        for folder in ("files", "backups")
        for name in ("holiday.jpg", ".DS_Store", ".draft.unfinished", "zzz.json")
    ]
    for file in theirs:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("theirs")
    keep(keep=1)
    assert all(file.exists() for file in theirs)
    elsewhere = tmp_path / "other disk"
    elsewhere.mkdir()
    (tmp_path / "new").symlink_to(elsewhere)
    bring_back(tmp_path / "new")
    assert (elsewhere / "state.sqlite").exists()
    with pytest.raises(InvalidInput) as refusal:
        back_up(Settings(home=worked_home), str(worked_home / "b"), progress=silently)
    assert refusal.value.code == "backup_place_invalid"
    with pytest.raises(NotFound):
        list_backups(Settings(), str(tmp_path / "not mounted"), check=True, progress=silently)


@FOLDER
def test_a_damaged_manifest_is_refused(keep, bring_back, place, tmp_path):
    kept = keep()
    manifest = Path(place[0], "backups", f"{kept.backup_id}.json")
    manifest.write_text(manifest.read_text().replace('"state"', '"stat_"'))
    with pytest.raises(StoreFailure) as refusal:
        bring_back(tmp_path / "new")
    assert refusal.value.code == "backup_damaged"
    (listed,) = list_backups(Settings(), place[0], check=False, progress=silently)
    assert (listed.manifest, len(listed.faults)) == (None, 1)
    with pytest.raises(StoreFailure) as kept_all:
        keep(keep=1)
    assert kept_all.value.code == "backups_kept"


@pytest.mark.slow
def test_pruning_keeps_what_another_backup_needs(keep, bring_back, worked_home, tmp_path, place):
    keep()
    append(worked_home, "second", 2_000)
    second = keep()
    with closing(sqlite3.connect(worked_home / "state.sqlite")) as state:
        state.execute("update tenant set timezone = 'Europe/Vienna'")
        state.commit()
    third = keep(keep=2)
    assert len(third.dropped) == 1
    listed = list_backups(Settings(backup=place[1]), place[0], check=True, progress=silently)
    assert [each.backup_id for each in listed] == [third.backup_id, second.backup_id]
    assert not any(each.faults for each in listed)
    for report in (second, third):
        bring_back(tmp_path / report.backup_id, backup_id=report.backup_id)


@pytest.mark.slow
@FOLDER
def test_backups_of_another_home_are_not_pruned_and_not_taken_for_ours(
    keep, bring_back, worked_home, place, tmp_path
):
    others = keep()
    worked_home.rename(worked_home.with_name("moved"))
    shutil.copytree(worked_home.with_name("moved"), worked_home)
    for _ in range(2):
        ours = back_up(
            Settings(home=worked_home.with_name("moved")), place[0], progress=silently, keep=1
        )
    assert set(Backups(FolderPlace(Path(place[0]))).ids()) == {others.backup_id, ours.backup_id}
    with pytest.raises(Conflict) as refusal:
        bring_back(tmp_path / "new")
    assert refusal.value.code == "backup_ambiguous"
    assert others.backup_id in refusal.value.message
    bring_back(tmp_path / "new", backup_id=others.backup_id)


@FOLDER
def test_a_home_in_containers_is_one_home_whatever_its_host_is_called(
    keep, bring_back, tmp_path, monkeypatch
):
    made = []
    for host in ("3f2a", "9bc1", "77d0"):
        monkeypatch.setattr(socket, "gethostname", lambda host=host: host)
        made.append(keep())
    bring_back(tmp_path / "new")
    monkeypatch.setattr(socket, "gethostname", lambda: "e41c")
    assert keep(keep=2).dropped == [each.backup_id for each in reversed(made[:2])]


@pytest.fixture
def keep_on(keep, monkeypatch):
    """Back the home up as a host of that name."""

    def run(host, **options):
        monkeypatch.setattr(socket, "gethostname", lambda: host)
        return keep(**options)

    return run


@FOLDER
def test_a_service_that_moved_drops_what_it_made_on_its_former_host(keep_on):
    made = [keep_on(host) for host in ("former", "former", "new")]
    assert keep_on("new", keep=2).dropped == [made[1].backup_id, made[0].backup_id]


@FOLDER
def test_of_a_clone_and_its_original_nothing_is_dropped_until_the_clone_is_a_home_of_its_own(
    keep_on, worked_home, place, clock
):
    backups = Backups(FolderPlace(Path(place[0])))
    before, original, clone = (keep_on(host) for host in ("former", "original", "clone"))
    with pytest.raises(Conflict) as refusal:
        keep_on("original", keep=1)
    newest, *others = backups.ids()
    assert others == [each.backup_id for each in (clone, original, before)]
    assert refusal.value.code == "backup_ambiguous"
    assert refusal.value.message.startswith(f"backup {newest} is complete, but none was dropped")
    assert "clone, original take turns" in refusal.value.message
    assert "sendopt hold" in refusal.value.hint
    listed = list_backups(Settings(), place[0], check=True, progress=silently)
    assert not any(each.faults for each in listed)

    with closing(open_app(Settings(home=worked_home), clock=clock)) as app:
        app.operator.hold()
        apart = keep_on("clone", keep=1)
        assert apart.dropped == []
        app.operator.hold()  # once more: it is a copy of the same original still
        app.operator.resume(overdue=False)
    FolderPlace(Path(place[0])).delete(f"backups/{clone.backup_id}.json")
    last = keep_on("original", keep=1)
    assert last.dropped == [newest, original.backup_id, before.backup_id]
    assert backups.ids() == [last.backup_id, apart.backup_id]


@FOLDER
def test_a_restore_asks_which_one_where_hosts_take_turns(keep_on, bring_back, tmp_path):
    original, clone, newest = (keep_on(host) for host in ("original", "clone", "original"))
    with pytest.raises(Conflict) as refusal:
        bring_back(tmp_path / "new")
    assert refusal.value.code == "backup_ambiguous"
    assert newest.backup_id in refusal.value.message
    assert clone.backup_id in refusal.value.message
    assert original.backup_id not in refusal.value.message


@FOLDER
def test_backups_of_earlier_releases_stay_and_belong_to_the_home_of_their_host_and_path(
    keep, bring_back, place, tmp_path
):
    written = FolderPlace(Path(place[0]))
    ours, others = keep(), keep()
    ours_before = _as_before_homes_had_ids(written, ours.backup_id, host=socket.gethostname())
    others_before = _as_before_homes_had_ids(written, others.backup_id, host="elsewhere")
    bring_back(tmp_path / "before", backup_id=ours_before)
    keep()
    newest = keep()
    listed = list_backups(Settings(), place[0], check=True, progress=silently)
    assert {ours_before, others_before} < {each.backup_id for each in listed}
    assert not any(each.faults for each in listed)
    with pytest.raises(Conflict) as refusal:
        bring_back(tmp_path / "new")
    assert refusal.value.code == "backup_ambiguous"
    assert others_before in refusal.value.message
    assert newest.backup_id in refusal.value.message
    assert ours_before not in refusal.value.message
    last = keep(keep=1)
    assert ours_before in last.dropped
    assert set(Backups(written).ids()) == {last.backup_id, others_before}


def _as_before_homes_had_ids(place: FolderPlace, backup_id: str, *, host: str) -> str:
    """Write a manifest as an earlier release would have, and return its name."""
    with place.open(f"backups/{backup_id}.json") as file:
        document = json.load(file)
    place.delete(f"backups/{backup_id}.json")
    document["origin"] = {"host": host, "home": document["origin"]["home"]}
    text = json.dumps(document, indent=1, ensure_ascii=False).encode()
    name = f"{backup_id.partition('-')[0]}-{hashlib.sha256(text).hexdigest()[:16]}"
    place.write(f"backups/{name}.json", io.BytesIO(text))
    return name


@FOLDER
def test_a_restored_home_leaves_the_backups_of_its_original_alone_until_it_takes_its_place(
    keep, bring_back, worked_home, place, clock
):
    """As on another machine, at the same path."""
    first = keep()
    worked_home.rename(worked_home.with_name("original-on-another-machine"))
    bring_back(worked_home)
    assert keep(keep=1).dropped == []
    assert first.backup_id in Backups(FolderPlace(Path(place[0]))).ids()
    with closing(open_app(Settings(home=worked_home), clock=clock)) as app:
        app.operator.resume(overdue=False)
        app.operator.resume(overdue=False)
    assert first.backup_id in keep(keep=1).dropped


@FOLDER
def test_one_backup_at_a_time_writes_to_a_folder(keep, place):
    with FolderPlace(Path(place[0])).alone(), pytest.raises(LeaseHeld):
        keep()


@pytest.mark.slow
@FOLDER
def test_files_that_are_merged_away_meanwhile_are_not_missed(
    keep, bring_back, worked_home, tmp_path
):
    for number in range(3):
        append(worked_home, f"batch-{number}", 1_500)
    merged = []

    def merge_once(text):
        if text.startswith("0 files") and not merged:
            merged.append(text)
            before = set(worked_home.rglob("*.parquet"))
            with (
                closing(open_app(Settings(home=worked_home))) as app,
                app.log.appender() as appender,
            ):
                appender.compact()
                lake = literal(appender._lake)
                # Without the day of grace that `compact` gives.
                cleanup = f"call ducklake_cleanup_old_files({lake}, cleanup_all => true)"
                appender._connection.execute(cleanup)
            assert len(before - set(worked_home.rglob("*.parquet"))) == 3

    (worked_home / "scores" / "default" / "1.scores").unlink()  # so that 0 files are told later
    kept = keep(progress=merge_once)
    assert merged
    assert kept.manifest.counts["default"]["log.event"] == 4_505
    bring_back(tmp_path / "new")


@pytest.mark.slow
@FOLDER
def test_files_that_the_log_lost_are_all_named(keep, worked_home, place):
    append(worked_home, "one", 1_500)
    append(worked_home, "two", 1_500)
    files = list((worked_home / "log" / "data" / "main" / "event").rglob("*.parquet"))
    assert len(files) == 2
    for file in files:
        file.unlink()
    with pytest.raises(StoreFailure) as refusal:
        keep()
    assert all(file.name in refusal.value.message for file in files)
    assert Backups(FolderPlace(Path(place[0]))).ids() == []


@pytest.mark.slow
@FOLDER
@pytest.mark.parametrize("store", ["state.sqlite", "log/catalog.sqlite"])
def test_a_damaged_store_is_not_backed_up(keep, worked_home, place, store):
    keep()
    with (worked_home / store).open("r+b") as file:
        file.seek(4096)
        file.write(bytes(8192))
    with pytest.raises(StoreFailure) as refusal:
        keep(keep=1)
    assert refusal.value.code == "store_damaged"
    assert store in refusal.value.message
    assert len(Backups(FolderPlace(Path(place[0]))).ids()) == 1


@FOLDER
def test_a_data_file_that_is_not_what_was_written_is_not_backed_up(keep, worked_home, place):
    append(worked_home, "more", 1_500)
    [file] = (worked_home / "log" / "data" / "main" / "event").rglob("*.parquet")
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(StoreFailure) as refusal:
        keep()
    assert refusal.value.code == "store_damaged"
    assert file.name in refusal.value.message
    assert Backups(FolderPlace(Path(place[0]))).ids() == []


@FOLDER
def test_a_home_that_holds_something_is_never_written_over(keep, bring_back, tmp_path):
    keep()
    home = tmp_path / "new"
    home.mkdir()
    (home / "holiday.txt").write_text("")
    with pytest.raises(Conflict) as refusal:
        bring_back(home)
    assert refusal.value.code == "home_not_empty"
    assert [path.name for path in home.iterdir()] == ["holiday.txt"]
    (home / "holiday.txt").unlink()
    bring_back(home)


@pytest.mark.slow
@FOLDER
def test_what_a_killed_restore_left_is_no_home_and_in_nobodys_way(keep, bring_back, tmp_path):
    keep()
    left = tmp_path / ".new.restoring"
    left.mkdir()
    (left / "state.sqlite").write_text("half")
    bring_back(tmp_path / "new")
    assert not left.exists()


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ({"state": StateSettings(url="postgresql://nobody@nowhere/db")}, ["state"]),
        ({"log": LogSettings(data="s3://lake/x")}, ["log data"]),
        (
            {"log": LogSettings(catalog="postgresql://nobody@nowhere/db", data="s3://lake/x")},
            ["log catalog", "log data"],
        ),
    ],
)
def test_stores_in_servers_are_refused_by_name(settings, names, worked_home, tmp_path):
    with pytest.raises(Conflict) as refusal:
        back_up(Settings(home=worked_home, **settings), str(tmp_path / "b"), progress=silently)
    assert refusal.value.code == "store_elsewhere"
    assert all(name in refusal.value.message for name in names)
    with pytest.raises(InvalidInput) as refused:
        restore(Settings(home=tmp_path / "new", **settings), "anywhere", progress=silently)
    assert refused.value.code == "stores_elsewhere"


@pytest.mark.slow
@pytest.mark.parametrize("state_url", ["postgres"], indirect=True)
def test_the_rest_of_a_fleet_is_backed_up_beside_where_its_state_stood(
    worked_home, tmp_path, state_url
):
    fleet = {
        "state": StateSettings(url=state_url),
        "log": LogSettings(catalog=state_url, data="s3://lake/x"),
    }
    kept = back_up(
        Settings(home=worked_home, **fleet), str(tmp_path / "b"), files_only=True, progress=silently
    )
    by_store = {each.store: each.position for each in kept.manifest.left_out}
    assert set(by_store) == {"state", "log catalog", "log data"}
    assert "/" in by_store["state"]
    restore(Settings(home=tmp_path / "new"), str(tmp_path / "b"), progress=silently)
    assert (tmp_path / "new" / "secrets.json").exists()
    assert not (tmp_path / "new" / "state.sqlite").exists()


@pytest.mark.parametrize("wrong", ["s3://", "s3://b", "S3://bucket/x", "gs://bucket/x", "s3:///x"])
def test_what_is_no_place_is_refused(wrong, worked_home):
    with pytest.raises(InvalidInput) as refusal:
        back_up(Settings(home=worked_home), wrong, progress=silently)
    assert refusal.value.code == "backup_place_invalid"
