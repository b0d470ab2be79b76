"""Flip one bit in a file of a home, and see that nothing changed is taken for what was written.

    python -m faults.flips [--flips 300] [--seed 1]

Of every flip one thing becomes: `verify` names damage, or what the home holds is the same as
before, or something changed is served in silence, or the check itself dies. The last two are
failures. A flip is named by its seed, and the same seed flips the same bit of the same home.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import shutil
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing import get_context
from pathlib import Path

from sendopt.app import App, open_app
from sendopt.app.secrets import load_secrets
from sendopt.clock import VirtualClock
from sendopt.demo.days import People, live_until
from sendopt.demo.run import HELD_FROM, LAST_ANSWERS, begin_day, learn
from sendopt.demo.studies import load_studies
from sendopt.settings import Settings

VERIFIED_AT = HELD_FROM + timedelta(days=3)

#: Which files are of one kind.
KINDS = {
    "state": "state.sqlite",
    "state-wal": "state.sqlite-wal",
    "catalog": "log/catalog.sqlite",
    "catalog-wal": "log/catalog.sqlite-wal",
    "parquet": "log/data/**/*.parquet",
    "registry": "registry/mlflow.sqlite",
    "model": "registry/artifacts/**/*",
    "secrets": "secrets.json",
    "scores": "scores/*/*",
}


@dataclass(frozen=True)
class Flip:
    """What became of one flipped bit."""

    kind: str
    file: str
    byte: int
    outcome: str  # "named", "harmless", "silent", "died"


def live_a_day(home: Path) -> Path:
    """Make a home in which a real day was lived: trained, scored, planned, sent, answered."""
    clock = VirtualClock(HELD_FROM)
    study = next(study for study in load_studies() if study.tenant_id == "fried2021")
    with closing(open_app(Settings(home=home), clock=clock)) as app:
        played = learn(app, study, home.parent)
        app.score(study.tenant_id)
        people = People(app, clock)
        begin_day(app, played, played.days[0], people)
        live_until(app, clock, people, HELD_FROM + timedelta(days=1) + LAST_ANSWERS)
        app.settle()
    return home


def files_of(home: Path, kind: str) -> list[Path]:
    """Return the files of a kind that hold anything."""
    found = sorted(home.glob(KINDS[kind]))
    return [path for path in found if path.is_file() and path.stat().st_size]


class Judge:
    """Judges copies in a process of its own, which may die of one."""

    def __init__(self) -> None:
        self._begin()

    def __call__(self, home: Path, copy: Path) -> str:
        try:
            return self._apart.submit(_judge, home, copy).result()
        except BrokenProcessPool:
            self._begin()
            return "died"

    def close(self) -> None:
        self._apart.shutdown()

    def _begin(self) -> None:
        self._apart = ProcessPoolExecutor(1, mp_context=get_context("spawn"))


def flip(home: Path, kind: str, seed: int, scratch: Path, judge: Judge) -> Flip | None:
    """Flip one bit of a copy of `home`; None = there is no file of this kind."""
    copy = Path(shutil.copytree(home, scratch / f"{kind}-{seed}"))
    try:
        files = files_of(copy, kind)
        if not files:
            return None
        chance = random.Random(f"{kind} {seed}")
        file = chance.choice(files)
        content = bytearray(file.read_bytes())
        byte = chance.randrange(len(content))
        content[byte] ^= 1 << chance.randrange(8)
        file.write_bytes(content)
        outcome = judge(home, copy)
        return Flip(kind, str(file.relative_to(copy)), byte, outcome)
    finally:
        shutil.rmtree(copy)


def _judge(home: Path, copy: Path) -> str:
    try:
        with closing(open_app(Settings(home=copy), clock=VirtualClock(VERIFIED_AT))) as app:
            if app.verify(progress=lambda _about: None).findings:
                return "named"
            if not app.scrub_log(progress=lambda _about: None).is_whole:
                return "named"
            held = list(_contents(app, copy))
    except Exception:  # noqa: BLE001 - whatever a damaged home makes of the check
        return "died"
    with closing(open_app(Settings(home=home), clock=VirtualClock(VERIFIED_AT))) as app:
        return "harmless" if held == list(_contents(app, home)) else "silent"


def _contents(app: App, home: Path) -> Iterator[object]:
    """Yield everything that the home would serve."""
    for database in ("state.sqlite", "registry/mlflow.sqlite"):
        with closing(sqlite3.connect(home / database)) as store:
            yield hashlib.sha256("\n".join(store.iterdump()).encode()).hexdigest()
    for path in files_of(home, "model"):
        yield path.name, hashlib.sha256(path.read_bytes()).hexdigest()
    for tenant_id in app.log.tenants():
        with app.log.reader(tenant_id) as reader:
            yield tenant_id, reader.held()
    yield _secrets(home)


def _secrets(home: Path) -> tuple[object, ...]:
    found = load_secrets(home / "secrets.json")
    return found.link_keys, found.current_link_key, found.vapid_private_key_pem


def table(flips: list[Flip]) -> str:
    """Return a Markdown table, one row a kind."""
    outcomes = ("named", "harmless", "silent", "died")
    counted = Counter((each.kind, each.outcome) for each in flips)
    rows = [["file", "flips", *outcomes], ["---", *["---:"] * 5]]
    for kind in KINDS:
        numbers = [counted[kind, outcome] for outcome in outcomes]
        if sum(numbers):
            rows.append([kind, str(sum(numbers)), *map(str, numbers)])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m faults.flips")
    parser.add_argument("--flips", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sendopt-flips-") as folder:
        scratch = Path(folder)
        home = live_a_day(scratch / "home")
        kinds = [kind for kind in KINDS if files_of(home, kind)]
        flips = list[Flip]()
        with closing(Judge()) as judge:
            for number in range(given.flips):
                kind, seed = kinds[number % len(kinds)], given.seed * 10_000 + number
                if (found := flip(home, kind, seed, scratch, judge)) is not None:
                    flips.append(found)
                    print(f"{found.outcome}: {found.file} byte {found.byte}", flush=True)
    print(table(flips))


if __name__ == "__main__":
    main()
