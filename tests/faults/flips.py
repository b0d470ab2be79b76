"""Flip one bit in a file of a home, and see that nothing changed is taken for what was written.

    python -m faults.flips [--flips 300] [--seed 1] [--kinds state,catalog] [--lived FOLDER]

Of every flip one thing becomes: `verify`, `scrub` or `restore` names damage, or what the home holds
is the same as before, or something changed is served in silence, or the check itself dies. The last
two are failures. A flip is named by its seed: it flips the same bit of the same home again.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import random
import shutil
import signal
import sqlite3
import tempfile
import traceback
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from multiprocessing import get_context
from pathlib import Path

from sendopt.app import App, open_app
from sendopt.app.backing_up import back_up
from sendopt.app.restoring import restore
from sendopt.app.secrets import load_secrets
from sendopt.clock import VirtualClock
from sendopt.demo.days import People, live_until
from sendopt.demo.run import HELD_FROM, LAST_ANSWERS, begin_day, learn
from sendopt.demo.studies import load_studies
from sendopt.errors import SendoptError
from sendopt.log import Reader
from sendopt.log.events import EVENT_SCHEMA
from sendopt.settings import Settings

VERIFIED_AT = HELD_FROM + timedelta(days=3)

HOME, BACKUPS = "home", "backups"

#: Which files are of one kind, in a folder as `live_a_day` makes it.
KINDS = {
    "state": f"{HOME}/state.sqlite",
    "state-wal": f"{HOME}/state.sqlite-wal",
    "catalog": f"{HOME}/log/catalog.sqlite",
    "catalog-wal": f"{HOME}/log/catalog.sqlite-wal",
    "parquet": f"{HOME}/log/data/**/*.parquet",
    "registry": f"{HOME}/registry/mlflow.sqlite",
    "model": f"{HOME}/registry/artifacts/**/*",
    "secrets": f"{HOME}/secrets.json",
    "scores": f"{HOME}/scores/*/*",
    "manifest": f"{BACKUPS}/backups/*.json",
    "backup": f"{BACKUPS}/files/*",
}
OUTCOMES = ("named", "harmless", "silent", "died")
#: The codes by which something asks for what is damaged; any other refusal is about something else.
_NAMES = {
    "backup_damaged", "catalog_lost", "event_damaged", "file_missing", "log_damaged",
    "model_damaged", "secrets_unusable", "store_damaged",
}  # fmt: skip
#: No check of so small a home takes longer, whatever else the machine does.
_PATIENCE_SECONDS = 150


@dataclass(frozen=True)
class Flip:
    """What became of one flipped bit."""

    kind: str
    file: str
    byte: int
    outcome: str  # "named", "harmless", "silent", "died"


def live_a_day(folder: Path) -> Path:
    """Make a home in which a real day was lived, and a backup of it beside it."""
    home = folder / HOME
    clock = VirtualClock(HELD_FROM)
    study = next(study for study in load_studies() if study.tenant_id == "fried2021")
    with closing(open_app(Settings(home=home), clock=clock)) as app:
        played = learn(app, study, folder)
        app.as_owner_of(study.tenant_id).scores.compute()
        people = People(app, clock)
        begin_day(app, played, played.days[0], people)
        live_until(app, clock, people, HELD_FROM + timedelta(days=1) + LAST_ANSWERS)
        app.rounds.settle()
    settings = Settings(home=home)
    back_up(settings, str(folder / BACKUPS), progress=lambda _about: None, clock=clock)
    return folder


def files_of(lived: Path, kind: str) -> list[Path]:
    """Return the files of a kind that hold anything."""
    found = sorted(lived.glob(KINDS[kind]))
    return [path for path in found if path.is_file() and path.stat().st_size]


class Judge:
    """Judges copies in a process of its own, which may die of one."""

    def __init__(self) -> None:
        self._begin()

    def __call__(self, lived: Path, copy: Path, kind: str) -> str:
        try:
            return self._apart.submit(_judge, lived, copy, kind).result(_PATIENCE_SECONDS)
        except (BrokenProcessPool, TimeoutError):
            self.close()
            self._begin()
            return "died"

    def _begin(self) -> None:
        self._apart = ProcessPoolExecutor(1, mp_context=get_context("spawn"))
        self._process = self._apart.submit(os.getpid).result()

    def close(self) -> None:
        """End the process, whatever it is at."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._process, signal.SIGKILL)
        self._apart.shutdown()


def flip(lived: Path, kind: str, seed: int, scratch: Path, judge: Judge) -> Flip | None:
    """Flip one bit of a copy of `lived`; None = there is no file of this kind."""
    copy = Path(shutil.copytree(lived, scratch / f"{kind}-{seed}"))
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
        outcome = judge(lived, copy, kind)
        return Flip(kind, str(file.relative_to(copy)), byte, outcome)
    finally:
        shutil.rmtree(copy)


def untouched(lived: Path, kind: str, scratch: Path, judge: Judge) -> str:
    """Return what a copy is said to be in which nothing was flipped."""
    copy = Path(shutil.copytree(lived, scratch / f"{kind}-untouched"))
    try:
        return judge(lived, copy, kind)
    finally:
        shutil.rmtree(copy)


def _judge(lived: Path, copy: Path, kind: str) -> str:
    try:
        home = _home_of(copy, kind, copy)
        with _opened(home) as app:
            if app.operator.verify(progress=lambda _about: None).findings:
                return "named"
            if not app.operator.scrub_log(progress=lambda _about: None).is_whole:
                return "named"
            held = list(_contents(app, home))
    except SendoptError as error:
        if error.code in _NAMES:
            return "named"
        traceback.print_exc()
        return "died"
    except Exception:  # noqa: BLE001 - whatever a damaged home makes of the check
        traceback.print_exc()
        return "died"
    return "harmless" if held == _expected(lived, kind) else "silent"


@cache  # the same for every flip of a kind
def _expected(lived: Path, kind: str) -> list[object]:
    with tempfile.TemporaryDirectory(prefix="sendopt-flips-") as folder:
        home = _home_of(lived, kind, Path(folder))
        with _opened(home) as app:
            return list(_contents(app, home))


def _home_of(lived: Path, kind: str, folder: Path) -> Path:
    """Return the home to be looked at; of what is backed up the one restored into `folder`."""
    if kind not in {"manifest", "backup"}:
        return lived / HOME
    home = folder / "restored"
    restore(
        Settings(home=home),
        str(lived / BACKUPS),
        progress=lambda _about: None,
        clock=VirtualClock(VERIFIED_AT),
        random_bytes=bytes,  # of two homes that are compared, both get the same id
    )
    return home


def _opened(home: Path) -> closing[App]:
    return closing(open_app(Settings(home=home), clock=VirtualClock(VERIFIED_AT)))


def _contents(app: App, home: Path) -> Iterator[object]:
    """Yield everything that the home would serve."""
    with closing(sqlite3.connect(home / "state.sqlite")) as store:
        yield hashlib.sha256("\n".join(store.iterdump()).encode()).hexdigest()
    for path in sorted(home.glob("registry/artifacts/**/*")):
        if path.is_file():
            yield path.name, hashlib.sha256(path.read_bytes()).hexdigest()
    for tenant_id in app.log.tenants():
        yield tenant_id, app.registry.models(tenant_id), app.registry.card(tenant_id)
        with app.log.reader(tenant_id) as reader:
            yield reader.held()
            yield from _passing_over(reader)
    yield _secrets(home)


def _passing_over(reader: Reader) -> Iterator[object]:
    """Yield what queries find whose conditions let them pass over files."""
    for day in range(-14, 4):
        since = HELD_FROM + timedelta(days=day)
        with reader.within(since, since + timedelta(days=1)) as part:
            yield part.held()
    for column in EVENT_SCHEMA.names:
        for condition in ("is null", "is not null"):
            sql = f"select count(*) as n from event where {column} {condition}"
            yield reader.query("passing_over", sql)["n"].to_pylist()
    for user in range(10):
        sql = f"select count(*) as n from event where user_id = 'fried2021-{user}'"
        yield reader.query("passing_over", sql)["n"].to_pylist()


def _secrets(home: Path) -> tuple[object, ...]:
    found = load_secrets(home / "secrets.json")
    return found.link_keys, found.current_link_key, found.vapid_private_key_pem


def table(flips: list[Flip]) -> str:
    """Return a Markdown table, one row a kind."""
    counted = Counter((each.kind, each.outcome) for each in flips)
    rows = [["file", "flips", *OUTCOMES], ["---", *["---:"] * 5]]
    for kind in KINDS:
        numbers = [counted[kind, outcome] for outcome in OUTCOMES]
        if sum(numbers):
            rows.append([kind, str(sum(numbers)), *map(str, numbers)])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m faults.flips")
    parser.add_argument("--flips", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kinds", default=",".join(KINDS), help="default: all")
    parser.add_argument("--lived", type=Path, help="of an earlier run; made where there is none")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sendopt-flips-") as folder:
        scratch = Path(folder)
        lived = given.lived or scratch / "lived"
        if not lived.exists():
            live_a_day(lived)
        kinds = [kind for kind in given.kinds.split(",") if files_of(lived, kind)]
        flips = list[Flip]()
        with closing(Judge()) as judge:
            for number in range(given.flips):
                kind, seed = kinds[number % len(kinds)], given.seed * 10_000 + number
                if (found := flip(lived, kind, seed, scratch, judge)) is not None:
                    flips.append(found)
                    print(f"{found.outcome}: {found.file} byte {found.byte}", flush=True)
    print(table(flips))


if __name__ == "__main__":
    main()
