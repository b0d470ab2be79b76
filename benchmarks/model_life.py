"""What the life of a model costs and how often it cries wolf, on the shipped studies.

python benchmarks/model_life.py
"""

from __future__ import annotations

import statistics
import tempfile
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from drift_alarms import measure_power

from sendopt import libraries
from sendopt.app import open_app
from sendopt.clock import VirtualClock, monotonic
from sendopt.demo.studies import load_studies
from sendopt.evaluate.chance import BINS, calibration_test, equal_bins
from sendopt.evaluate.drift import Counted, Shift, calibration_shift, ratio_shift, shape_shift
from sendopt.evaluate.psi import psi
from sendopt.learn.judging.drift import ALARMS, FALSE_ALARMS
from sendopt.records import TenantId
from sendopt.settings import Settings

TENANT = TenantId("default")
NOW = datetime(2025, 3, 17, tzinfo=UTC)
ROUNDS = 20
WEEKS = 600
ACCEPTED, RECENT = 14, 7  # days
BY_USERS, USUAL = "any, if only users were units", "PSI above 0.2, the usual rule"
SIZES = (25, 150)


def main() -> None:
    libraries.tame()
    with tempfile.TemporaryDirectory() as folder:
        measure_training(Path(folder))
    print()
    measure_alarms()
    print()
    measure_power()


def measure_training(folder: Path) -> None:
    """Print how long training, the gate and a roll-back take."""
    with closing(open_app(Settings(home=folder / "home"), clock=VirtualClock(NOW))) as app:
        for study in load_studies():
            file = folder / f"{study.tenant_id}.parquet"
            pq.write_table(study.events, file)
            app.as_owner_of(TENANT).events.import_files([file], progress=lambda _path, _rows: None)
        reached: list[tuple[float, str]] = []
        begin = monotonic()
        for as_of in (NOW - timedelta(days=1), NOW):
            reached.clear()
            begin = monotonic()
            report = app.as_owner_of(TENANT).models.train(
                as_of=as_of, progress=lambda told: reached.append((monotonic(), told))
            )
            if not report.promoted:
                number = report.registered_as
                app.registry.promote(TENANT, number, by="bench", reason="two are needed", now=NOW)
        end = monotonic()
        gate = next(at for at, told in reached if told == "asking the gate")
        print(f"training with its gate {end - begin:.1f} s, of which the gate {end - gate:.1f} s")
        seconds, seen = [], []
        for _ in range(ROUNDS):
            numbers = [
                model.number for model in app.as_owner_of(TENANT).models.everyone() if model.served
            ]
            champion = next(
                m.number
                for m in app.as_owner_of(TENANT).models.everyone()
                if "champion" in m.aliases
            )
            other = next(number for number in numbers if number != champion)
            begin = monotonic()
            app.as_owner_of(TENANT).models.roll_back({"to": other, "reason": "bench"})
            moved = monotonic()
            app.registry.champion(TENANT)
            seconds.append(moved - begin)
            seen.append(monotonic() - moved)
        print(
            f"roll-back {statistics.median(seconds):.3f} s (median of {ROUNDS}), the next request "
            f"finds its model in {statistics.median(seen):.4f} s"
        )


def measure_alarms() -> None:
    """Print how often each alarm rings in weeks in which nothing has moved."""
    level = FALSE_ALARMS / len(ALARMS)
    print(f"Weeks in which an alarm rang, of {WEEKS} without drift; promised: each {level:.2%}")
    names = ("hours", "calibration", "answer rate", "share", "any", BY_USERS, USUAL)
    print(f"| users | days | {' | '.join(names)} |")
    print("|---" * (len(names) + 2) + "|")
    for users in SIZES:
        for shock, days in ((0.0, "alike"), (0.6, "differ")):
            rung = rings(users, level, shock=shock)
            shares = " | ".join(f"{rung[name] / WEEKS:.1%}" for name in names)
            print(f"| {users} | {days} | {shares} |")


def rings(users: int, level: float, *, shock: float) -> Counter[str]:
    """Count the weeks in which each alarm rings."""
    rng = np.random.default_rng(1)
    rung: Counter[str] = Counter()
    for _ in range(WEEKS):
        before, after = (Days.drawn(rng, users, days, shock) for days in (ACCEPTED, RECENT))
        found = shifts(before, after, level, rng)
        rung.update(name for name, shift in found.items() if shift.beyond_chance)
        rung["any"] += any(shift.beyond_chance for shift in found.values())
        rung[BY_USERS] += any(abs(shift.value) > shift.by_users for shift in found.values())
        rung[USUAL] += psi(before.hours.sum(axis=0), after.hours.sum(axis=0)) > 0.2
    return rung


def shifts(before: Days, after: Days, level: float, rng: np.random.Generator) -> dict[str, Shift]:
    """Return what the alarms find between two times."""
    said = np.concatenate([before.said, after.said])
    bins = equal_bins(said, np.ones(len(said)))
    test = calibration_test(after.answered, after.said, after.user, level=level, rng=rng)
    return {
        "hours": shape_shift(before.counted(before.hours), after.counted(after.hours), level=level),
        "calibration": calibration_shift(
            before.binned(bins[: len(before.said)]),
            after.binned(bins[len(before.said) :]),
            by_users=test.by_chance,
            level=level,
            rng=rng,
        ),
        "answer rate": ratio_shift(
            before.ratio(before.answered - before.said),
            after.ratio(after.answered - after.said),
            level=level,
            two_sided=True,
        ),
        "share": ratio_shift(
            before.ratio(before.new), after.ratio(after.new), level=level, two_sided=False
        ),
    }


@dataclass(frozen=True)
class Days:
    """Sends of some days, a row each.

    Users have hours of their own and moods of the time; days differ in how much everybody answers
    and in when. No model knows either.
    """

    user: np.ndarray
    day: np.ndarray
    hours: np.ndarray  # one of twelve columns is 1
    said: np.ndarray
    answered: np.ndarray
    new: np.ndarray

    @classmethod
    def drawn(cls, rng: np.random.Generator, users: int, days: int, shock: float) -> Days:
        """Draw the sends of so many days; `shock` is how much days differ, a logit's sd."""
        sends = rng.poisson(1.2, (users, days))
        user = np.repeat(np.arange(users), sends.sum(axis=1))
        day = np.repeat(np.tile(np.arange(days), users), sends.ravel())
        of_day = rng.normal(0.0, shock, days)[day]
        near = rng.integers(0, 12, users)[user] + rng.integers(-2, 3, len(user))
        hours = np.zeros((len(user), 12))
        hours[np.arange(len(user)), (near + np.rint(2.0 * of_day).astype(int)) % 12] = 1.0
        rate = rng.beta(2, 5, users)[user]
        logit = np.log(rate / (1 - rate))
        mood = rng.normal(0.0, 0.5, users)[user]
        answered = rng.random(len(user)) < 1 / (1 + np.exp(-(logit + mood + of_day)))
        spread = np.linspace(-3.0, 3.0, 31)
        weight = np.exp(-0.5 * spread**2)
        moods = np.hypot(0.5, shock) * spread
        said = (1 / (1 + np.exp(-(logit[:, None] + moods)))) @ weight / weight.sum()
        first = rng.integers(0, 100, users)  # one in a hundred users comes on each day
        new = day == first[user]
        return cls(user, day, hours, said, answered.astype(float), new.astype(float))

    def counted(self, values: np.ndarray) -> Counted:
        """Return values of the rows with their users and days."""
        return Counted(values, self.user, self.day)

    def ratio(self, value: np.ndarray) -> Counted:
        """Return the mean of a value, as two sums."""
        return self.counted(np.column_stack([value, np.ones(len(value))]))

    def binned(self, bins: np.ndarray) -> Counted:
        """Return the residuals by bin, and the weight."""
        values = np.zeros((len(bins), BINS + 1))
        values[np.arange(len(bins)), bins] = self.answered - self.said
        values[:, BINS] = 1.0
        return self.counted(values)


if __name__ == "__main__":
    main()
