"""Which files a home consists of, and where they stand: in the home, or where settings say."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, nullcontext, suppress
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote

from sendopt.backup.copying import Source
from sendopt.backup.manifest import LeftOut
from sendopt.disk import database_files
from sendopt.score.store import BASE_SUFFIX, delta_of
from sendopt.settings import Settings

#: As seen from a home in which nothing is set otherwise, which is what `restore` makes.
STATE, CATALOG, REGISTRY = "state.sqlite", "log/catalog.sqlite", "registry/mlflow.sqlite"
DATABASES = STATE, CATALOG, REGISTRY
DATA, ARTIFACTS, SCORES, SECRETS = "log/data", "registry/artifacts", "scores", "secrets.json"

#: Under which name a manifest counts the log's events, beside the tables of the state.
LOG_EVENTS = "log.event"

_SQLITE = re.compile(r"sqlite(\+pysqlite)?:///(?P<path>[^?]+)", re.ASCII)
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:/", re.ASCII)


class HomeFiles:
    """Where the stores of a home are kept.

    Args:
        settings: which name them.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.state = _sqlite_file(settings.state_url)
        self.catalog = None if "://" in settings.log_catalog else Path(settings.log_catalog)
        self.data = None if "://" in settings.log_data else Path(settings.log_data)
        self.registry = _sqlite_file(settings.tracking_uri)
        artifacts = settings.artifacts
        self.artifacts = None if _URI.match(artifacts) else Path(artifacts)

    def databases(self) -> dict[str, Path]:
        """Return every database that is a file, there or not, by its path in a home."""
        files = {CATALOG: self.catalog, STATE: self.state, REGISTRY: self.registry}
        return {path: file for path, file in files.items() if file is not None}

    def secret(self) -> tuple[Path, ...]:
        """Return the files and folders that nobody else on the machine may use, there or not."""
        databases = (self.state, self.catalog, self.registry)
        files = [each for file in databases if file is not None for each in database_files(file)]
        folders = (self.data, self._settings.registry_folder)
        held = [folder for folder in folders if folder is not None]
        return (*files, *held, self._settings.home.absolute() / SECRETS)

    def left_out(self) -> tuple[LeftOut, ...]:
        """Return the stores that are not in files of this machine."""
        whose_catalog = None if self.catalog is None else self.data
        stores = (
            ("state", self.state, "PostgreSQL"),
            ("log catalog", self.catalog, "PostgreSQL"),
            ("log data", whose_catalog, "an object store, or files that PostgreSQL names"),
            ("registry", self.registry, "an MLflow server or its database"),
            ("model files", self.artifacts, "where MLflow keeps them"),
        )
        return tuple(
            LeftOut(store=store, kept_in=kept_in) for store, file, kept_in in stores if file is None
        )

    def models(self) -> Iterator[Source]:
        """Yield the files of all models, cards and runs."""
        if self.artifacts is not None:
            for file in _files_below(self.artifacts):
                path = f"{ARTIFACTS}/{file.relative_to(self.artifacts).as_posix()}"
                yield Source.of(path, file)

    def secrets(self) -> Iterator[Source]:
        """Yield the keys of links and of Web Push, once they were made."""
        file = self._settings.home / SECRETS
        if file.exists():
            yield Source.of(SECRETS, file)

    def scores(self) -> Iterator[Source]:
        """Yield every tenant's scores as they are now, a base and its delta of one moment.

        Both are opened before either is read, and anew if the base was replaced in between.
        """
        folder = self._settings.scores_folder
        for base in sorted(folder.glob(f"*/*{BASE_SUFFIX}")):
            with ExitStack() as opened:
                for path, file in _pair(base, opened):
                    name = f"{SCORES}/{path.relative_to(folder).as_posix()}"
                    yield Source(name, _from_its_beginning(file))


def _pair(base: Path, opened: ExitStack) -> list[tuple[Path, BinaryIO]]:
    while True:
        try:
            found: list[tuple[Path, BinaryIO]] = [(base, opened.enter_context(base.open("rb")))]
        except FileNotFoundError:
            return []  # superseded scores, which were dropped at this moment
        with suppress(FileNotFoundError):
            delta = delta_of(base)
            found.append((delta, opened.enter_context(delta.open("rb"))))
        with suppress(FileNotFoundError):
            if os.path.samestat(base.stat(), os.fstat(found[0][1].fileno())):
                return found


def _from_its_beginning(file: BinaryIO) -> Callable[[], AbstractContextManager[BinaryIO]]:
    def begin() -> AbstractContextManager[BinaryIO]:
        file.seek(0)
        return nullcontext(file)

    return begin


def _files_below(folder: Path) -> Iterator[Path]:
    for place, _, names in os.walk(folder):
        yield from (Path(place, name) for name in names)


def _sqlite_file(url: str) -> Path | None:
    found = _SQLITE.fullmatch(url)
    return None if found is None else Path(unquote(found["path"]))
