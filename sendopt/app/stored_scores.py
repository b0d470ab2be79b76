"""Finds the score store of a tenant's champion, maps it once, and says when not to use it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pyarrow as pa

from sendopt.clock import Clock
from sendopt.disk import explained
from sendopt.errors import StoreFailure
from sendopt.records import TenantId
from sendopt.score import ScoreStore
from sendopt.score.replacement import drop_abandoned
from sendopt.score.store import BASE_SUFFIX, DELTA_SUFFIX, delta_of, written_at
from sendopt.score.store_writer import drop_users


class StoredScores:
    """One store a tenant and model version; scores of any other model are never looked at.

    Args:
        folder: holds a folder a tenant.
        max_age: beyond it scores know too little of what happened since.
        clock: what time it is.
    """

    def __init__(self, folder: Path, *, max_age: timedelta, clock: Clock) -> None:
        self._folder = folder
        self._max_age = max_age
        self._clock = clock
        self._mapped: dict[TenantId, ScoreStore] = {}
        self._opening = threading.Lock()

    def path(self, tenant_id: TenantId, model_version: str) -> Path:
        """Return where the scores of this model stand, as `ScoreStore` is told it."""
        return self._folder / tenant_id / f"{model_version}{BASE_SUFFIX}"

    def of(self, tenant_id: TenantId, model_version: str) -> ScoreStore:
        """Return the scores of this model, of the newest files.

        A new file is read through once, to check it. Nobody waits for that: meanwhile the others
        get the store before it, if that is of the same model.

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
        if mapped is None or mapped.about.model_version != model_version:
            raise _unusable("the scores are being checked", "scores_opening", hint="wait")
        as_of = mapped.about.as_of
        if self._clock.now() - as_of > self._max_age:
            raise _unusable(
                f"the stored scores are of {as_of}",
                "scores_too_old",
                hint="run `sendopt score` daily",
            )
        return mapped

    def drop_superseded(self, tenant_id: TenantId, model_version: str) -> None:
        """Delete all stores but that of this model, which serves, and the newest other one.

        So a roll-back finds the former model's scores. The one that serves stays whatever the
        times of the files say: clocks are set back.

        Raises:
            StoreFailure: `disk_failed`, also where a folder stands in the place of a file.
        """
        serving = self.path(tenant_id, model_version)
        bases = (self._folder / tenant_id).glob(f"*{BASE_SUFFIX}")
        others = (path for path in bases if path != serving)
        with explained("score_store"):
            for path in sorted(others, key=lambda path: (written_at(path), path))[:-1]:
                path.unlink(missing_ok=True)
                delta_of(path).unlink(missing_ok=True)

    def everyone(self, tenant_id: TenantId) -> Iterator[ScoreStore]:
        """Yield every store of the tenant that can be read, whichever model's and however old."""
        for path in sorted((self._folder / tenant_id).glob(f"*{BASE_SUFFIX}")):
            with suppress(StoreFailure):
                yield ScoreStore(path, tenant_id=tenant_id, model_version=path.stem)

    def drop_users(self, tenant_id: TenantId, user_ids: pa.Array) -> int:
        """Drop users from every store of the tenant; return of how many rows were dropped.

        A store that cannot be read is deleted: the next scoring writes it anew.

        Raises:
            StoreFailure: `disk_full`, `disk_failed`.
        """
        folder, dropped = self._folder / tenant_id, 0
        if not folder.exists():
            return 0
        drop_abandoned(folder)
        for path in sorted(folder.glob(f"*{BASE_SUFFIX}")):
            try:
                dropped += drop_users(path, user_ids)
            except StoreFailure as failure:
                if failure.code != "scores_unreadable":
                    raise
                with explained("score_store"):
                    path.unlink(missing_ok=True)
                    delta_of(path).unlink(missing_ok=True)
        for path in folder.glob(f"*{DELTA_SUFFIX}"):
            if not path.with_suffix(BASE_SUFFIX).exists():
                path.unlink()
        return dropped

    def _newest(self, tenant_id: TenantId, model_version: str) -> ScoreStore:
        path = self.path(tenant_id, model_version)
        if not path.exists():
            raise _unusable(
                f"no scores of model {model_version} are stored",
                "scores_absent",
                hint="run `sendopt score`",
            )
        mapped = self._mapped.get(tenant_id)
        if mapped is not None and mapped.path == path and mapped.is_current():
            return mapped
        return ScoreStore(path, tenant_id=tenant_id, model_version=model_version, known=mapped)


def _unusable(why: str, code: str, *, hint: str) -> StoreFailure:
    return StoreFailure(why, statement="score_store", code=code, hint=hint)
