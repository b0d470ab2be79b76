"""`sendopt restore`: a backup becomes a new home, whole or not at all.

Everything is built in a folder beside the home: each content is held against its hash, the stores
are counted again, every unfinished send is held (see `state.hold`). Then one rename makes it the
home.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from sendopt.app.backup_places import open_place
from sendopt.app.home_files import DATABASES
from sendopt.app.restored_stores import Settled, check_counts, settle_state
from sendopt.app.state_store import HOME_ID_BYTES, make_home
from sendopt.app.subject import AUDIT_ID_BYTES
from sendopt.backup.backups import Backups
from sendopt.backup.manifest import Manifest
from sendopt.backup.place import disk_failed
from sendopt.clock import Clock, SystemClock
from sendopt.disk import locked, sync
from sendopt.errors import Conflict, InvalidInput, NotFound, StoreFailure
from sendopt.records import COMMAND_LINE, AuditRecord, OperatorRole, Origin
from sendopt.settings import Settings
from sendopt.sqlite_file import bring_in_wal


@dataclass(frozen=True)
class RestoreReport:
    """What a restore came to."""

    backup_id: str
    manifest: Manifest
    home: str
    settled: Settled


def restore(
    settings: Settings,
    source: str,
    *,
    progress: Callable[[str], None],
    backup_id: str | None = None,
    resumed: bool = False,
    clock: Clock | None = None,
    random_bytes: Callable[[int], bytes] = os.urandom,
    actor: str = COMMAND_LINE,
) -> RestoreReport:
    """Make a home from a backup.

    Args:
        settings: whose home is made; no store may be set to be elsewhere.
        source: a folder, or s3://bucket/prefix.
        progress: told what is going on.
        backup_id: which backup; None = the newest.
        resumed: let go out what is due from now on, because the original is stopped for good.
        clock: what time it is.
        random_bytes: for the ids of the home and of the audit record.
        actor: who restores, for whoever reads later what was done.

    Raises:
        InvalidInput: `stores_elsewhere`, `home_is_mount`, `home_unusable`.
        Conflict: `home_not_empty`, `backup_newer`, `schema_newer`; `backup_ambiguous`, if the place
            holds backups of several homes and none is named.
        NotFound: `backup_unknown`.
        StoreFailure: `backup_damaged`, naming every file; or of the disk. Nothing is left then.
    """
    home = settings.home.resolve()  # a link to a folder is no folder that can be replaced
    _check_target(settings, home)
    backups = Backups(open_place(source, settings))
    chosen = backup_id or _newest(backups, source)
    manifest = backups.manifest(chosen)
    with _beside(home) as draft:
        _check_room(draft, manifest)
        _fetch(backups, chosen, manifest, draft, progress)
        progress("counting")
        check_counts(draft, manifest, settings)
        now, new_id = (clock or SystemClock()).now(), random_bytes(HOME_ID_BYTES).hex()
        record = AuditRecord(
            audit_id=random_bytes(AUDIT_ID_BYTES).hex(),
            at=now,
            actor=actor,
            role=OperatorRole.OPERATOR,
            origin=Origin(COMMAND_LINE),
            action="home:restore",
            target=f"backup {chosen}",
            before=None,
            after={"resumed": resumed},
        )
        settled = settle_state(draft, now, new_id=new_id, resumed=resumed, record=record)
        for database in DATABASES:
            if (draft / database).exists():
                bring_in_wal(draft / database)
        _sync_folders(draft)
        draft.replace(home)
        sync(home.parent)
    return RestoreReport(chosen, manifest, str(home), settled)


def _newest(backups: Backups, source: str) -> str:
    """Return the newest backup of a place, whatever is wrong with it."""
    ids = backups.ids()
    if not ids:
        raise NotFound(f"{source} holds no backup", code="backup_unknown", field="SRC")
    by_home = backups.newest_by_home()
    if len(by_home) > 1:
        homes = (f"{each.host}:{each.home} ({newest})" for newest, each in by_home.items())
        raise Conflict(
            f"{source} holds backups of {len(by_home)} homes: {', '.join(homes)}",
            code="backup_ambiguous",
            field="--backup",
            hint="name the one that you want: the newest of each home is given in brackets",
        )
    return ids[0]


def _check_target(settings: Settings, home: Path) -> None:
    elsewhere = {
        "SENDOPT_STATE__URL": settings.state.url,
        "SENDOPT_LOG__CATALOG": settings.log.catalog,
        "SENDOPT_LOG__DATA": settings.log.data,
        "SENDOPT_REGISTRY__TRACKING_URI": settings.registry.tracking_uri,
        "SENDOPT_REGISTRY__ARTIFACTS": settings.registry.artifacts,
        "SENDOPT_SCORES__FOLDER": settings.scores.folder,
    }
    if in_force := [name for name, value in elsewhere.items() if value]:
        raise InvalidInput(
            "stores are set to be elsewhere, where this would restore nothing: "
            + ", ".join(in_force),
            code="stores_elsewhere",
            hint="unset these: a backup is restored into one home; docs/backup.md says what to "
            "do about servers",
        )
    if home.is_mount():
        raise InvalidInput(
            f"{home} is a mounted volume, which no folder can take the place of",
            code="home_is_mount",
            field="--home",
            hint=f"restore to a folder in it and set SENDOPT_HOME to that: {home / 'home'}",
        )
    if home.exists() and (not home.is_dir() or any(home.iterdir())):
        raise Conflict(
            f"{home} is not empty: a restore never writes over anything",
            code="home_not_empty",
            field="--home",
            hint="name a folder that is not there yet, or move this one away first",
        )


@contextmanager
def _beside(home: Path) -> Iterator[Path]:
    """Yield a folder beside the home that is gone after the block, unless it was renamed.

    What a killed restore left there is removed first.
    """
    draft = home.with_name(f".{home.name}.restoring")
    make_home(home.parent)
    with locked(home.parent, other=f"another restore into {home.parent}"):
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        try:
            yield draft
        finally:
            shutil.rmtree(draft, ignore_errors=True)


def _check_room(draft: Path, manifest: Manifest) -> None:
    free = shutil.disk_usage(draft).free
    if free < manifest.total_bytes:
        raise StoreFailure(
            f"{draft.parent} has {free:,} bytes free, the backup needs {manifest.total_bytes:,}",
            statement="restore",
            code="disk_full",
            hint="make room there, or name a home on another disk",
        )


def _fetch(
    backups: Backups,
    backup_id: str,
    manifest: Manifest,
    draft: Path,
    progress: Callable[[str], None],
) -> None:
    def target(path: str) -> BinaryIO:
        file = draft / path
        for folder in reversed(file.relative_to(draft).parents[:-1]):
            (draft / folder).mkdir(mode=0o700, exist_ok=True)
        return os.fdopen(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb")

    try:
        faults = list(backups.fetch(manifest, target, progress=progress))
        for file in manifest.files:
            if not faults:
                sync(draft / file.path)
    except OSError as error:
        raise disk_failed(draft, error) from error
    if faults:
        raise StoreFailure(
            f"backup {backup_id} is damaged, nothing was restored: {'; '.join(faults)}",
            statement="restore",
            code="backup_damaged",
            hint="restore another one by --backup; `sendopt backups --check` says which are whole",
        )


def _sync_folders(draft: Path) -> None:
    for folder, _, _ in os.walk(draft):
        sync(folder)
