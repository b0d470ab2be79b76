"""What the log shows of sends, answers and sessions: machines, batches, devices' clocks."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from lattice.arrays import DAY, HOUR, HOURS, Flags, Numbers, Vector
from lattice.cohort import Cohort
from lattice.sends import Sends
from lattice.world import Batch

_STRAY = 3653 * DAY  # ten years


@dataclass(frozen=True)
class Recorded:
    """Sends of a cohort, and opens and sessions as they are stamped."""

    sends: Sends
    open_of: Numbers  # position of the send
    open_at: Vector
    session_user: Numbers
    session_at: Vector

    @property
    def open_user(self) -> Numbers:
        return self.sends.user[self.open_of]

    def answered(self, window: float) -> Flags:
        """Say of each send whether its first open is stamped within `window` seconds after it."""
        first = np.full(len(self.sends), np.inf)
        np.minimum.at(first, self.open_of, self.open_at)
        delay = first - self.sends.at
        within: Flags = (delay >= 0.0) & (delay < window)
        return within


def record(cohort: Cohort, sends: Sends, opened: Vector, rng: np.random.Generator) -> Recorded:
    """Return what is recorded of `sends`, which people opened at `opened` (infinite = never)."""
    open_of, open_at = _opens(cohort, sends, opened, rng)
    session_user, session_at = _sessions(cohort, rng)
    if cohort.world.sessions.of_opens:
        by_people = np.flatnonzero(np.isfinite(opened))
        session_user = np.r_[session_user, sends.user[by_people]]
        session_at = np.r_[session_at, opened[by_people]]
    recorded = Recorded(sends, open_of, open_at, session_user, session_at)
    return _stamped(cohort, recorded, rng)


def _opens(
    cohort: Cohort, sends: Sends, opened: Vector, rng: np.random.Generator
) -> tuple[Numbers, Vector]:
    """Return the position of the send and the time of every open, by people and by machines."""
    recording = cohort.world.recording
    by_machine = (rng.random(len(cohort)) < recording.machines)[sends.user]
    machine_at = sends.at + rng.random(len(sends))
    by_people = np.isfinite(opened) & ~(by_machine & recording.machines_hide)
    human, machine = np.flatnonzero(by_people), np.flatnonzero(by_machine)
    return np.r_[human, machine], np.r_[opened[human], machine_at[machine]]


def _sessions(cohort: Cohort, rng: np.random.Generator) -> tuple[Numbers, Vector]:
    world = cohort.world
    often = rng.poisson(cohort.sessions_a_day[:, np.newaxis], (len(cohort), world.days))
    user, day = np.nonzero(often)
    user, day = np.repeat(user, often[user, day]), np.repeat(day, often[user, day])
    midnight = world.begin.timestamp() + day * DAY
    peak = cohort.peak_on(user, (midnight // DAY).astype(np.int64))
    hour = (peak + cohort.shape.active_at(rng.random(len(user)))) % HOURS
    at = cohort.instant(user, midnight + hour * HOUR)
    kept = cohort.present(user, cohort.day(at)) & (at < world.end.timestamp())
    kept &= at >= world.begin.timestamp()
    return user[kept], at[kept]


def _stamped(cohort: Cohort, recorded: Recorded, rng: np.random.Generator) -> Recorded:
    recording = cohort.world.recording
    behind = rng.uniform(*recording.clock_behind, len(cohort))
    if recording.stray_device and cohort.first == 0:
        behind[0] = _STRAY
    open_at = _batched(recorded.open_at, recording.batch) - behind[recorded.open_user]
    known = open_at < cohort.world.end.timestamp()  # the batch at the end is still to come
    return replace(
        recorded,
        open_of=recorded.open_of[known],
        open_at=open_at[known],
        session_at=recorded.session_at - behind[recorded.session_user],
    )


def _batched(at: Vector, batch: Batch) -> Vector:
    if batch is Batch.START:
        return np.floor(at / HOUR) * HOUR
    if batch is Batch.END:
        return np.ceil(at / HOUR) * HOUR
    return at
