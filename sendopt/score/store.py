"""Every user's week of scores, in two files: a base, and a delta of who was scored since.

    MODEL.scores   the base: everybody, as the last full run scored them
    MODEL.delta    the users who were scored after that, each once, as the last run left them

A run that scores a few users writes a delta anew, and leaves the base alone. A delta names its base
by checksum, so each state of a store begins with one rename: of a delta, or of a new base, beside
which the former delta counts no longer.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sendopt.errors import StoreFailure
from sendopt.learn.model.scorer import SLOTS_A_WEEK
from sendopt.records import TenantId, UserId
from sendopt.score.store_file import (
    STEP,
    About,
    Identity,
    StoreFile,
    identity_of,
    unreadable,
)
from sendopt.score.weeks import SUREST_LOGIT, Weeks

BASE_SUFFIX, DELTA_SUFFIX = ".scores", ".delta"

_WEEKS_AT_ONCE = 4_000


def slot_of(word: int) -> int:
    """Return the hour of the week of a word; 0 is Monday 0:00."""
    return word & 0xFF


def probability_of(word: int) -> float:
    """Return the probability of a word.

    >>> slot, half = 7, 1 << 23
    >>> round(probability_of(half << 8 | slot), 6)
    0.5
    """
    return 1.0 / (1.0 + math.exp((word >> 8) * STEP - SUREST_LOGIT))


def delta_of(path: Path) -> Path:
    """Return where the delta of the base at `path` stands."""
    return path.with_suffix(DELTA_SUFFIX)


def written_at(path: Path) -> int:
    """Return when the store at `path` was written last, in nanoseconds of its files; 0 = never."""
    identities = identity_of(path), identity_of(delta_of(path))
    return max((identity[-1] for identity in identities if identity is not None), default=0)


class ScoreStore:
    """A base and its delta as they were at one moment; for any number of threads.

    A row is a number that `find` returns. Rows of the delta follow those of the base, so some rows
    of the base are of users whose row is in the delta.

    Args:
        path: where the base stands.
        tenant_id: whose it has to be.
        model_version: of which model it has to be.
        known: what stood at `path` before; a file that is still there is not read again.

    Raises:
        StoreFailure: `scores_unreadable`, see `StoreFile`.
    """

    def __init__(
        self,
        path: Path,
        *,
        tenant_id: TenantId,
        model_version: str,
        known: ScoreStore | None = None,
    ) -> None:
        self.path = path
        self.base: StoreFile
        self.delta: StoreFile | None
        while True:
            identities = identity_of(path), identity_of(delta_of(path))
            try:
                if known is not None and (known.path, known.base.identity) == (path, identities[0]):
                    self.base = known.base
                else:
                    self.base = StoreFile(path, tenant_id=tenant_id, model_version=model_version)
                if self.base.base is not None:
                    raise unreadable(path, "holds some users alone")
                self.delta = None if identities[1] is None else self._delta()
            except StoreFailure:
                if self._is_at(identities):
                    raise
            if self._is_at(identities):  # else a file was replaced while they were read
                break
        self._identities = identities

    @property
    def about(self) -> About:
        """Whose scores these are, of which model, and of when the last run was."""
        return (self.base if self.delta is None else self.delta).about

    def is_current(self) -> bool:
        """Tell whether nothing was written since."""
        return self._is_at(self._identities)

    def __len__(self) -> int:
        return len(self.rows)

    def find(self, user_id: UserId) -> int | None:
        """Return the user's row; None if the store does not hold the user."""
        if self.delta is not None and (row := self.delta.find(user_id)) is not None:
            return len(self.base) + row
        return self.base.find(user_id)

    def zone(self, row: int) -> str:
        """Return the zone in which the week of a row is told."""
        file, row = self._file(row)
        return file.zone(row)

    def as_of_text(self, row: int) -> str:
        """Return as of when the user of a row was scored."""
        file, row = self._file(row)
        return file.as_of_text(row)

    def best(self, row: int, top: int) -> list[int]:
        """Return the words of the `top` best hours of a row, best first."""
        file, row = self._file(row)
        return file.best(row, top)

    @cached_property
    def rows(self) -> NDArray[np.intp]:
        """The row of every user, in ascending order of their ids."""
        rows = np.arange(len(self.base))
        if self.delta is None:
            return rows
        ids, scored_since = self.base.user_ids, self.delta.user_ids
        rows = rows[~np.asarray(pc.is_in(ids, scored_since))]
        rows = np.concatenate([rows, len(self.base) + np.arange(len(self.delta))])
        ordered: NDArray[np.intp] = rows[
            np.asarray(pc.sort_indices(self._ids.take(pa.array(rows))))
        ]
        return ordered

    @property
    def user_ids(self) -> pa.Array:
        """All user ids in ascending order, as `rows`."""
        return self._ids.take(pa.array(self.rows))

    def logits(self, rows: NDArray[np.intp]) -> NDArray[np.float32]:
        """Return the weeks of some rows, (rows, SLOTS_A_WEEK), Monday 0:00 first."""
        logits = np.empty((len(rows), SLOTS_A_WEEK), np.float32)
        since = rows >= len(self.base)
        logits[~since] = self.base.logits(rows[~since])
        if self.delta is not None:
            logits[since] = self.delta.logits(rows[since] - len(self.base))
        return logits

    def weeks(self) -> Iterator[Weeks]:
        """Yield the weeks of all users in the order of their ids, some thousands at a time."""
        ids = self.user_ids.cast(pa.string())
        for first in range(0, len(self), _WEEKS_AT_ONCE):
            some = slice(first, first + _WEEKS_AT_ONCE)
            yield Weeks(ids[some], self.logits(self.rows[some]))

    @property
    def _ids(self) -> pa.Array:
        """The ids of all rows, those that the delta supersedes among them."""
        if self.delta is None:
            return self.base.user_ids
        return pa.concat_arrays([self.base.user_ids, self.delta.user_ids])

    def _file(self, row: int) -> tuple[StoreFile, int]:
        """Return in which file a row is, and its number there."""
        if self.delta is None or row < len(self.base):
            return self.base, row
        return self.delta, row - len(self.base)

    def _delta(self) -> StoreFile | None:
        """Return the delta of the base; one that another base left behind does not count."""
        whose = self.base.about
        delta = StoreFile(
            delta_of(self.path), tenant_id=whose.tenant_id, model_version=whose.model_version
        )
        return delta if delta.base == self.base.checksum else None

    def _is_at(self, identities: tuple[Identity | None, Identity | None]) -> bool:
        return identities == (identity_of(self.path), identity_of(delta_of(self.path)))
