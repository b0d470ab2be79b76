"""Finds the score store of a tenant's champion, maps it once, and says when not to use it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from sendopt.clock import Clock
from sendopt.errors import StoreFailure
from sendopt.records import TenantId
from sendopt.score import ScoreStore

_SUFFIX = ".scores"


@dataclass(frozen=True)
class _Mapped:
    file: tuple[Path, int, int]  # where it was, its inode and when it was written
    store: ScoreStore


class StoredScores:
    """One file a tenant and model version; scores of any other model are never looked at.

    Args:
        folder: holds a folder a tenant.
        max_age: beyond it scores know too little of what happened since.
        clock: what time it is.
    """

    def __init__(self, folder: Path, *, max_age: timedelta, clock: Clock) -> None:
        self._folder = folder
        self._max_age = max_age
        self._clock = clock
        self._mapped: dict[TenantId, _Mapped] = {}
        self._opening = threading.Lock()

    def path(self, tenant_id: TenantId, model_version: str) -> Path:
        """Return where the scores of this model stand."""
        return self._folder / tenant_id / f"{model_version}{_SUFFIX}"

    def of(self, tenant_id: TenantId, model_version: str) -> ScoreStore:
        """Return the scores of this model, of the newest file.

        A new file is read through once, to check it. Nobody waits for that: meanwhile the others
        get the file before it, if that is of the same model.

        Raises:
            StoreFailure: `scores_absent`, `scores_opening`, `scores_too_old`,
                `scores_unreadable`.
        """
        if self._opening.acquire(blocking=False):
            try:
                self._mapped[tenant_id] = self._newest(tenant_id, model_version)
            except StoreFailure:
                self._mapped.pop(tenant_id, None)
                raise
            finally:
                self._opening.release()
        mapped = self._mapped.get(tenant_id)
        if mapped is None or mapped.store.about.model_version != model_version:
            raise _unusable("the scores are being checked", "scores_opening", hint="wait")
        as_of = mapped.store.about.as_of
        if self._clock.now() - as_of > self._max_age:
            raise _unusable(
                f"the stored scores are of {as_of}",
                "scores_too_old",
                hint="run `sendopt score` daily",
            )
        return mapped.store

    def drop_superseded(self, tenant_id: TenantId) -> None:
        """Delete all but the two newest files: a roll-back finds the former model's scores."""
        found = [(file.stat().st_mtime_ns, file) for file in self._files(tenant_id)]
        for _, file in sorted(found)[:-2]:
            file.unlink(missing_ok=True)

    def _newest(self, tenant_id: TenantId, model_version: str) -> _Mapped:
        path = self.path(tenant_id, model_version)
        try:
            stat = path.stat()
        except FileNotFoundError as error:
            raise _unusable(
                f"no scores of model {model_version} are stored",
                "scores_absent",
                hint="run `sendopt score`",
            ) from error
        file = (path, stat.st_ino, stat.st_mtime_ns)
        mapped = self._mapped.get(tenant_id)
        if mapped is not None and mapped.file == file:
            return mapped
        return _Mapped(file, ScoreStore(path, tenant_id=tenant_id, model_version=model_version))

    def _files(self, tenant_id: TenantId) -> Iterator[Path]:
        return (self._folder / tenant_id).glob(f"*{_SUFFIX}")


def _unusable(why: str, code: str, *, hint: str) -> StoreFailure:
    return StoreFailure(why, statement="score_store", code=code, hint=hint)
