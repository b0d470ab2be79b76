"""`sendopt backups`: what a place holds, and whether it is whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sendopt.app.backup_places import open_place
from sendopt.backup.backups import Backups
from sendopt.backup.manifest import Manifest
from sendopt.errors import Conflict, NotFound, StoreFailure
from sendopt.settings import Settings


@dataclass(frozen=True)
class ListedBackup:
    """One backup of a place."""

    backup_id: str
    manifest: Manifest | None  # None = it cannot be read
    faults: list[str]  # what is wrong with it; without a check, with its manifest


def list_backups(
    settings: Settings, source: str, *, check: bool, progress: Callable[[str], None]
) -> list[ListedBackup]:
    """Return every backup of a place, the newest first.

    Args:
        settings: how an S3-compatible store is reached.
        source: a folder, or s3://bucket/prefix.
        check: read every file and hold it against its hash.
        progress: told what is going on.

    Raises:
        NotFound: `backup_unknown`, if there is nothing to check: a disk that is not mounted
            must not look like one on which all is well.
    """
    backups = Backups(open_place(source, settings))
    listed = []
    for backup_id in backups.ids():
        try:
            manifest = backups.manifest(backup_id)
        except (StoreFailure, Conflict) as error:
            listed.append(ListedBackup(backup_id, None, [error.message]))
            continue
        faults = backups.check(manifest, progress=progress) if check else []
        listed.append(ListedBackup(backup_id, manifest, faults))
    if check and not listed:
        raise NotFound(f"{source} holds no backup", code="backup_unknown", field="DEST")
    return listed
