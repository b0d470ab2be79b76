"""Answers what is asked of MLflow before every score, from its own SQLite file.

MLflow takes four seconds of CPU to import and to open its store, longer than an incremental scoring
works. Which version serves and where its files lie are two rows, in tables that have been as they
are since aliases came (MLflow 2.3). What is not as expected here is asked of MLflow; but not a file
that is damaged, which MLflow would try to open for minutes, or one that is absent, which it would
make.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import unquote

_SQLITE = re.compile(r"sqlite(?P<driver>\+pysqlite)?:///(?P<path>[^?]+)", re.ASCII)
_WAIT_SECONDS = 5.0  # for who writes

_CALLED = """
select version.version, version.run_id
from registered_model_aliases alias
join model_versions version using (workspace, name, version)
where workspace = 'default' and name = ? and alias.alias = ?
    and version.current_stage <> 'Deleted_Internal'
"""
_TAGS = """
select key, value from model_version_tags
where workspace = 'default' and name = ? and version = ?
"""
_ARTIFACTS = "select artifact_uri from runs where run_uuid = ? and lifecycle_stage = 'active'"


class NotAsExpected(Exception):
    """The file has other tables, or the store is no file: MLflow knows."""


class MlflowFile:
    """The file behind a tracking URI; it is opened anew for each question.

    Args:
        tracking_uri: MLflow's store; if it is no SQLite file, nothing is as expected.
    """

    def __init__(self, tracking_uri: str) -> None:
        sqlite = _SQLITE.fullmatch(tracking_uri)
        self._path: Path | None = None
        if sqlite is not None:
            # SQLAlchemy's URLs are quoted; MLflow takes a bare one for a path as it stands.
            path = unquote(sqlite["path"]) if sqlite["driver"] else sqlite["path"]
            self._path = Path(path).absolute()

    def with_alias(self, model: str, alias: str) -> tuple[str, str, dict[str, str]] | None:
        """Return number, run and tags of the version to which an alias points; None = none has it.

        Raises:
            NotAsExpected: ask MLflow.
            OSError: if the file is damaged, or is none.
        """
        rows = self._rows(_CALLED, model, alias)
        if len(rows) != 1:
            return None
        ((number, run_id),) = rows
        return str(number), run_id, dict(self._rows(_TAGS, model, number))

    def artifact_uri(self, run_id: str) -> str | None:
        """Return what MLflow noted as the place of a run's files; None = ask MLflow.

        Raises:
            OSError: if the file is damaged, or is none.
        """
        try:
            found = self._rows(_ARTIFACTS, run_id)
        except NotAsExpected:
            return None
        return found[0][0] if len(found) == 1 else None

    def storage(self) -> list[str]:
        """Return what SQLite finds wrong with pages and indexes of the file.

        Raises:
            OSError: if the file is damaged beyond that, or is none.
        """
        if self._path is None:
            return []
        return [said for (said,) in self._rows("pragma integrity_check(50)") if said != "ok"]

    def make_ready(self) -> None:
        """Make the folder of the file, which MLflow would not make.

        Raises:
            OSError: if that is impossible, or the file is damaged.
        """
        if self._path is not None:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._rows("pragma schema_version")

    def _rows(self, sql: str, *values: object) -> Sequence[Any]:
        if self._path is None:
            raise NotAsExpected
        if not self._path.exists():
            if self._path.parent.exists() and not self._path.parent.is_dir():
                raise NotADirectoryError("a file stands where the folder of MLflow's file should")
            return []
        try:
            uri = f"{self._path.as_uri()}?mode=ro"
            with closing(sqlite3.connect(uri, uri=True, timeout=_WAIT_SECONDS)) as connection:
                return connection.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_ERROR:  # no such table, no such column
                raise NotAsExpected from error
            raise OSError(f"MLflow's file cannot be read: {error.sqlite_errorname}") from error
