"""`sendopt backup`: one moment of every store, while services are at work.

    scores ─► log catalog, state, registry at one moment ─► models, secrets, data files ─► manifest

Whatever a copy names is in a copy that is taken later, or at the same moment: scores name a model
and a snapshot of the log, the log names positions that the state gave, sends name models, models
have files. The moment is one in which nothing was appended to the log.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from sendopt import __version__
from sendopt.app.backup_places import open_place
from sendopt.app.home_files import CATALOG, DATA, LOG_EVENTS, REGISTRY, STATE, HomeFiles
from sendopt.app.stores import log_location
from sendopt.backup.backups import Backups
from sendopt.backup.copying import Copying, Source
from sendopt.backup.manifest import LeftOut, Manifest, Origin
from sendopt.backup.place import Place
from sendopt.backup.scratch import scratch_folder
from sendopt.clock import Clock, SystemClock
from sendopt.errors import Conflict, InvalidInput, NotFound
from sendopt.log.inventory import FilesGone, LogInventory, require_files, take_inventory
from sendopt.records import TenantId
from sendopt.settings import Settings
from sendopt.sqlite_file import same_moment
from sendopt.state import State, outbox, schema_version
from sendopt.state.home import home_id
from sendopt.state.inventory import row_counts, wal_position

#: How often a backup begins anew because a file of the log was merged away while it was copied.
_TRIES = 3


@dataclass(frozen=True)
class BackupReport:
    """What a backup came to."""

    backup_id: str
    manifest: Manifest
    new_files: int
    new_bytes: int
    dropped: list[str]  # backups that were pruned


def back_up(
    settings: Settings,
    destination: str,
    *,
    progress: Callable[[str], None],
    files_only: bool = False,
    keep: int | None = None,
    clock: Clock | None = None,
) -> BackupReport:
    """Back up a home. For a process of its own, see `sqlite_file`.

    Args:
        settings: where everything is.
        destination: a folder, or s3://bucket/prefix.
        progress: told what is going on.
        files_only: leave out what is kept in servers, instead of refusing.
        keep: so many backups of this home are kept; None = all.
        clock: what time it is.

    Raises:
        InvalidInput: `backup_place_invalid`, also for a folder in the home.
        Conflict: `store_elsewhere`, naming every store that is not in files; `backup_ambiguous`, if
            hosts take turns at the home: the backup is complete, and none was dropped.
        NotFound: `home_incomplete`.
        FilesGone: if the log lost files.
        StoreFailure: if a store is damaged or cannot be read, or the place cannot be written.
        LeaseHeld: if another backup writes there.
    """
    home = HomeFiles(settings)
    left_out = home.left_out()
    if left_out and not files_only:
        raise _elsewhere(left_out)
    place = open_place(destination, settings)
    _require_outside(settings.home, destination)
    with place.alone():
        for tries_left in reversed(range(_TRIES)):
            try:
                report = _Backup(settings, home, place, clock or SystemClock(), progress).run(
                    left_out
                )
                break
            except FilesGone:  # the next copy of the catalog does not name them
                if not tries_left:
                    raise
        if keep is None:
            return report
        progress("dropping old backups")
        dropped = Backups(place).prune(report.backup_id, keep=keep)
        return replace(report, dropped=dropped)


def _require_outside(home: Path, destination: str) -> None:
    if "://" not in destination and Path(destination).resolve().is_relative_to(home.resolve()):
        raise InvalidInput(
            f"{destination} lies in the home that it would be the backup of",
            code="backup_place_invalid",
            field="DEST",
            hint="what takes the home would take its backups too: name a folder elsewhere, best "
            "on another disk",
        )


class _Backup:
    """One attempt."""

    def __init__(
        self,
        settings: Settings,
        home: HomeFiles,
        place: Place,
        clock: Clock,
        progress: Callable[[str], None],
    ) -> None:
        self._settings = settings
        self._home = home
        self._place = place
        self._clock = clock
        self._progress = progress

    def run(self, left_out: tuple[LeftOut, ...]) -> BackupReport:
        began_at = self._clock.now()
        left_out = _with_positions(left_out, self._settings)
        backups = Backups(self._place)
        copying = Copying(self._place, backups.newest(), self._progress)
        copying.add(self._home.scores())
        with scratch_folder() as scratch:
            taken_at = self._clock.now()
            copies = self._copies(scratch)
            self._progress("counting")
            log = self._log(copies.get(CATALOG))
            state = _StateInventory.of(copies.get(STATE))
            copying.add(Source.of(path, copy) for path, copy in copies.items())
            copying.add(self._home.models())
            copying.add(self._home.secrets())
            copying.add(self._data(log))
        manifest = Manifest(
            release=__version__,
            origin=Origin(
                host=socket.gethostname(),
                home=str(self._settings.home.absolute()),
                home_id=None if state is None else state.home_id,
            ),
            began_at=began_at,
            taken_at=taken_at,
            finished_at=self._clock.now(),
            schema_versions=_versions(state, log),
            outbox_position=None if state is None else state.position,
            high_water_mark=None if log is None else log.high_water_mark,
            log_snapshot=None if log is None else log.snapshot,
            counts=_counts(state, log),
            files=tuple(copying.files),
            left_out=left_out,
        )
        backup_id = backups.finish(manifest)
        return BackupReport(backup_id, manifest, copying.new_files, copying.new_bytes, [])

    def _copies(self, scratch: Path) -> dict[str, Path]:
        """Copy every database that is a file, all as of one moment; by its path in a home."""
        files = self._home.databases()
        if REGISTRY in files and not files[REGISTRY].exists():
            del files[REGISTRY]  # nothing was ever trained
        if missing := [str(file) for file in files.values() if not file.exists()]:
            raise NotFound(
                f"{', '.join(missing)}: not there",
                code="home_incomplete",
                hint="restore the newest backup to another home and compare",
            )
        copies = {path: scratch / path.replace("/", "-") for path in files}
        if files:
            with same_moment(list(files.values())) as moments:
                for path, moment in zip(files, moments, strict=True):
                    self._progress(f"copying {path}")
                    moment.copy_to(copies[path])
        return copies

    def _log(self, catalog: Path | None) -> LogInventory | None:
        if catalog is None:
            return None
        limits = self._settings.log
        return take_inventory(
            replace(log_location(self._settings), catalog=str(catalog)),
            memory_limit=limits.memory_limit,
            threads=limits.threads,
        )

    def _data(self, log: LogInventory | None) -> Iterator[Source]:
        folder = self._home.data
        if log is None or folder is None:
            return
        require_files(folder, log.files)
        for name in log.files:
            sealed = log.sealed.get(name)
            yield Source.of(f"{DATA}/{name}", folder / name, fixed=True, sha256=sealed)


@dataclass(frozen=True)
class _StateInventory:
    version: str | None
    home_id: str | None
    position: int
    counts: dict[TenantId, dict[str, int]]

    @classmethod
    def of(cls, copy: Path | None) -> _StateInventory | None:
        """Read a copy of the state; None = there is none."""
        if copy is None:
            return None
        with closing(State(f"sqlite:///{copy}")) as state, state.read_fleet() as tx:
            return cls(schema_version(tx), home_id(tx), outbox.last_position(tx), row_counts(tx))


def _versions(state: _StateInventory | None, log: LogInventory | None) -> dict[str, str]:
    versions = {} if log is None else {"log": str(log.schema_version)}
    if state is not None and state.version is not None:
        versions["state"] = state.version
    return versions


def _counts(state: _StateInventory | None, log: LogInventory | None) -> dict[str, dict[str, int]]:
    counts: dict[str, dict[str, int]] = {}
    if state is not None:
        counts |= {str(tenant_id): dict(of_tables) for tenant_id, of_tables in state.counts.items()}
    if log is not None:
        for tenant_id, events in log.events.items():
            counts.setdefault(str(tenant_id), {})[LOG_EVENTS] = events
    return counts


def _with_positions(left_out: tuple[LeftOut, ...], settings: Settings) -> tuple[LeftOut, ...]:
    """Write down how far PostgreSQL's log of a state there had come before anything was copied."""
    if not any(each.store == "state" for each in left_out):
        return left_out
    with closing(State(settings.state_url)) as state, state.read_fleet() as tx:
        position = wal_position(tx)
    return tuple(
        each.model_copy(update={"position": position}) if each.store == "state" else each
        for each in left_out
    )


def _elsewhere(left_out: tuple[LeftOut, ...]) -> Conflict:
    stores = ", ".join(f"{each.store} ({each.kept_in})" for each in left_out)
    return Conflict(
        f"not in files of this machine: {stores}",
        code="store_elsewhere",
        hint="back these up by the tools that docs/backup.md names, and the rest by --files-only",
    )
