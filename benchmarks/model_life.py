"""What the life of a model costs and how often it cries wolf, on the shipped studies.

python benchmarks/model_life.py
"""

from __future__ import annotations

import statistics
import tempfile
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from sendopt import libraries
from sendopt.app import open_app
from sendopt.clock import VirtualClock, monotonic
from sendopt.demo.studies import load_studies
from sendopt.evaluate.chance import calibration_test
from sendopt.evaluate.drift import psi, rate_shift, shape_shift, share_shift
from sendopt.learn.judging.drift import ALARMS, FALSE_ALARMS
from sendopt.records import TenantId
from sendopt.settings import Settings

TENANT = TenantId("default")
NOW = datetime(2025, 3, 17, tzinfo=UTC)
ROUNDS = 20
WEEKS = 4000
SIZES = (25, 150, 600)


def main() -> None:
    libraries.tame()
    with tempfile.TemporaryDirectory() as folder:
        measure_training(Path(folder))
    print()
    measure_alarms()


def measure_training(folder: Path) -> None:
    """Print how long training, the gate and a roll-back take."""
    with closing(open_app(Settings(home=folder / "home"), clock=VirtualClock(NOW))) as app:
        for study in load_studies():
            file = folder / f"{study.tenant_id}.parquet"
            pq.write_table(study.events, file)
            app.import_files(TENANT, [file], progress=lambda _path, _rows: None)
        reached: list[tuple[float, str]] = []
        begin = monotonic()
        for as_of in (NOW - timedelta(days=1), NOW):
            reached.clear()
            begin = monotonic()
            report = app.train(
                TENANT, as_of=as_of, progress=lambda told: reached.append((monotonic(), told))
            )
            if not report.promoted:
                number = report.registered_as
                app.registry.promote(TENANT, number, by="bench", reason="two are needed", now=NOW)
        end = monotonic()
        gate = next(at for at, told in reached if told == "asking the gate")
        print(f"training with its gate {end - begin:.1f} s, of which the gate {end - gate:.1f} s")
        seconds, seen = [], []
        for _ in range(ROUNDS):
            numbers = [model.number for model in app.models(TENANT) if model.served]
            champion = next(m.number for m in app.models(TENANT) if "champion" in m.aliases)
            other = next(number for number in numbers if number != champion)
            begin = monotonic()
            app.roll_back_model(TENANT, {"to": other, "reason": "bench"}, by="bench")
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
    names = ("hours", "calibration", "answer rate", "share", "any", "PSI above 0.2, the usual rule")
    print(f"| users | {' | '.join(names)} |")
    print("|---" * (len(names) + 1) + "|")
    for users in SIZES:
        rung = rings(users, level)
        print(f"| {users} | {' | '.join(f'{rung[name] / WEEKS:.2%}' for name in names)} |")


def rings(users: int, level: float) -> Counter[str]:
    """Count the weeks in which each alarm rings."""
    rng = np.random.default_rng(1)
    rung: Counter[str] = Counter()
    for _ in range(WEEKS):
        before, *_ = week(rng, users)
        after, user, said, answered = week(rng, users)
        calibration = calibration_test(answered, said, user, level=level, rng=rng)
        new = share_shift(rng.random(users) < 0.1, rng.random(users) < 0.1, level=level)
        found = {
            "hours": shape_shift(before, after, level=level).beyond_chance,
            "calibration": calibration.error > calibration.by_chance,
            "answer rate": rate_shift(answered, said, user, level=level).beyond_chance,
            "share": new.value > new.by_chance,
        }
        rung.update(name for name, ringing in found.items() if ringing)
        rung["any"] += any(found.values())
        rung["PSI above 0.2, the usual rule"] += psi(before.sum(axis=0), after.sum(axis=0)) > 0.2
    return rung


def week(
    rng: np.random.Generator, users: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Counts by two-hour bin of each user, and sends: whose, expected, answered.

    Users have hours of their own and moods of the week that no model knows.
    """
    sends = rng.poisson(8, users) + 1
    user = np.repeat(np.arange(users), sends)
    near = rng.integers(0, 12, users)[user] + rng.integers(-2, 3, len(user))
    hours = np.zeros((users, 12))
    np.add.at(hours, (user, near % 12), 1.0)
    rate = rng.beta(2, 5, users)[user]
    logit = np.log(rate / (1 - rate))
    mood = rng.normal(0.0, 0.5, users)[user]
    answered = (rng.random(len(user)) < 1 / (1 + np.exp(-(logit + mood)))).astype(float)
    moods = np.linspace(-1.5, 1.5, 31)
    weight = np.exp(-0.5 * (moods / 0.5) ** 2)
    said = (1 / (1 + np.exp(-(logit[:, None] + moods)))) @ weight / weight.sum()
    return hours, user, said, answered


if __name__ == "__main__":
    main()
