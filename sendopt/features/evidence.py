"""Evidence by local time of day: of single users, and of everybody together."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sendopt.features.catalog import statement
from sendopt.features.viewpoints import Viewpoints
from sendopt.log import Reader

DAY_TYPES = 2  # weekdays, weekends
HALF_HOURS = 48  # of a local day

#: Ends of the stages of promptness, as shares of the open window: how soon a send was answered.
PROMPTNESS = (1 / 6, 1 / 2, 1.0)

_DAY = timedelta(days=1)
_DAY_US = 86_400_000_000


@dataclass(frozen=True)
class Evidence:
    """Decayed counts by local time of day."""

    sessions: NDArray[np.float64]  # (rows, DAY_TYPES, HALF_HOURS)
    sends: NDArray[np.float64]  # (rows, DAY_TYPES, HALF_HOURS)
    answers: NDArray[np.float64]  # of them, (rows, promptness, DAY_TYPES, HALF_HOURS)

    @property
    def opens(self) -> NDArray[np.float64]:
        """Sends that were answered within the open window, (rows, DAY_TYPES, HALF_HOURS)."""
        opens: NDArray[np.float64] = self.answers.sum(axis=1)
        return opens

    def rows(self, index: NDArray[np.intp]) -> Evidence:
        """Return the evidence at `index`."""
        return Evidence(self.sessions[index], self.sends[index], self.answers[index])


def user_evidence(
    reader: Reader, observations: pa.Table, seen: Viewpoints, *, half_life: timedelta
) -> Evidence:
    """Count what was known of each viewpoint's user as of its instant."""
    counted = reader.query(
        "evidence",
        statement("evidence"),
        {"half_life_days": half_life / _DAY},
        inputs={"observation": observations, "viewpoint": seen.table()},
    )
    return _dense(counted, counted["viewpoint"].to_numpy(), len(seen))


def population_evidence(
    reader: Reader, observations: pa.Table, seen: Viewpoints, *, half_life: timedelta
) -> tuple[Evidence, NDArray[np.intp]]:
    """Count what everybody did on the UTC days before each viewpoint.

    Returns:
        Evidence with one row a day, and the row of every viewpoint.
    """
    counted = reader.query(
        "population", statement("population"), inputs={"observation": observations}
    )
    day_seen = seen.as_of_us // _DAY_US
    if len(counted) == 0 or len(seen) == 0:
        return _dense(counted, np.zeros(len(counted), np.intp), 1), np.zeros(len(seen), np.intp)
    day = counted["day"].to_numpy()
    first, last = int(day.min()), int(max(day.max() + 1, day_seen.max()))
    of_day = _dense(counted, day - first, last - first + 1)
    kept = 0.5 ** (_DAY / half_life)
    for counts in (of_day.sessions, of_day.sends, of_day.answers):
        before = np.zeros_like(counts[0])
        for row in range(len(counts)):
            before, counts[row] = kept * before + counts[row], before
    distinct, number = np.unique(np.clip(day_seen - first, 0, last - first), return_inverse=True)
    return of_day.rows(distinct.astype(np.intp)), number.astype(np.intp)


def _dense(counted: pa.Table, row: NDArray[np.intp], rows: int) -> Evidence:
    cell = counted["cell"].to_numpy().astype(np.intp)

    def column(name: str) -> NDArray[np.float64]:
        counts = np.zeros((rows, DAY_TYPES * HALF_HOURS))
        counts[row, cell] = counted[name].to_numpy()
        return counts.reshape(rows, DAY_TYPES, HALF_HOURS)

    answers = [column(f"answers_{stage}") for stage in range(len(PROMPTNESS))]
    return Evidence(column("sessions"), column("sends"), np.stack(answers, axis=1))
