"""What a backup consists of, as JSON beside its files."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from pathlib import PurePosixPath
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from sendopt.errors import Conflict, InvalidInput, StoreFailure

#: Of the manifest and of how files stand beside it. A higher one is of a later release.
FORMAT = 1

_ID_DIGITS = 16  # of the manifest's own hash


def _below_home(path: str) -> str:
    """Accept a path only if it stays below the folder that it is joined to."""
    parts = PurePosixPath(path)
    if parts.is_absolute() or ".." in parts.parts or not parts.parts or "\0" in path:
        raise InvalidInput("must lie below the home", code="backup_damaged")
    return path


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class FileEntry(_Part):
    """One file of the home."""

    path: Annotated[str, AfterValidator(_below_home)]  # as seen from the home, with slashes
    size: Annotated[int, Field(ge=0)]  # bytes
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class LeftOut(_Part):
    """A store that is not kept in files of this machine, and that another tool backs up."""

    store: str  # "state", "log", "registry"
    kept_in: str  # "PostgreSQL", "an object store", "an MLflow server"
    position: str | None = None  # of PostgreSQL's WAL when the backup began


class Origin(_Part):
    """Where a backup was made; `owners` says of which home it is."""

    host: str
    home: str  # absolute path
    home_id: str | None = None  # None = of an earlier release, or its state is not in the backup


class Manifest(_Part):
    """Everything that is known of one backup."""

    format: int = FORMAT
    release: str  # of sendopt
    origin: Origin
    began_at: datetime
    taken_at: datetime  # the moment that is restored: later acknowledgements are not in it
    finished_at: datetime
    schema_versions: dict[str, str]  # by store
    outbox_position: int | None  # the last that the state has given
    high_water_mark: int | None  # up to which the log has copied; never above the former
    log_snapshot: int | None
    counts: dict[str, dict[str, int]]  # tenant → table → rows; "log.event" are the log's events
    files: tuple[FileEntry, ...]
    left_out: tuple[LeftOut, ...] = ()

    @property
    def total_bytes(self) -> int:
        """The size of all files together."""
        return sum(file.size for file in self.files)

    def document(self) -> bytes:
        """Return the manifest as it is stored."""
        return json.dumps(self.model_dump(mode="json"), indent=1, ensure_ascii=False).encode()

    def backup_id(self) -> str:
        """Return the name under which it is stored: when it was taken, and its own hash."""
        return f"{self.taken_at:%Y%m%dT%H%M%S.%fZ}-{_digest(self.document())}"


def read_manifest(backup_id: str, document: bytes) -> Manifest:
    """Read a stored manifest.

    Raises:
        StoreFailure: `backup_damaged`, if it is not what was stored under this name.
        Conflict: `backup_newer`, if a later release wrote it.
    """
    if _digest(document) != backup_id.rpartition("-")[2]:
        raise _damaged(backup_id)
    try:
        if (found := json.loads(document)["format"]) > FORMAT:
            raise Conflict(
                f"backup {backup_id} has format {found}",
                code="backup_newer",
                expected=f"format {FORMAT} or lower",
                hint="restore it by the release that wrote it, or a later one",
            )
        return Manifest.model_validate_json(document)
    except (ValidationError, ValueError, KeyError, TypeError) as error:
        raise _damaged(backup_id) from error


def _digest(document: bytes) -> str:
    return hashlib.sha256(document).hexdigest()[:_ID_DIGITS]


def _damaged(backup_id: str) -> StoreFailure:
    return StoreFailure(
        f"the manifest of backup {backup_id} is not what was written",
        statement="manifest",
        code="backup_damaged",
        hint="name another backup by --backup; `sendopt backups` lists them",
    )
