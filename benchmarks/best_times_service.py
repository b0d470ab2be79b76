"""The service of the best-times benchmark: the same scores behind four routes.

python benchmarks/best_times_service.py FOLDER PORT USERS

Prints a key when it is about to serve.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from fastapi import Request

from sendopt.api import create_api, make_server
from sendopt.api.auth import ScoresRead
from sendopt.api.best_times import KEY_SECONDS, SCORES_SECONDS
from sendopt.api.remembered import Remembered
from sendopt.app import App, open_app
from sendopt.app.authentication import Speaker
from sendopt.app.best_times import BestTimes, HourOfWeek
from sendopt.app.logging import configure_logging
from sendopt.app.stores import DEFAULT_TENANT
from sendopt.demo.studies import load_studies
from sendopt.records import Principal, UserId
from sendopt.score import SLOTS_A_WEEK, ScoreStore, Weeks
from sendopt.score.store import probability_of, slot_of
from sendopt.score.store_file import About
from sendopt.score.store_writer import write_store
from sendopt.settings import Settings


def serve(folder: Path, port: int, users: int) -> None:
    """Serve a home with a champion's scores of so many users, and the same by other routes."""
    configure_logging()
    app = open_app(Settings(home=folder / "home"))
    key = app.as_owner_of(DEFAULT_TENANT).keys.issue("benchmark").key
    version = train_champion(app, folder)
    ids = pa.array([f"user-{number:08d}" for number in range(users)])
    logit = np.random.default_rng(1).normal(-2.0, 1.0, (users, SLOTS_A_WEEK)).astype(np.float32)
    now = app.clock.now()
    about = About(DEFAULT_TENANT, version, 0, as_of=now, created_at=now)
    path = app.stored_scores.path(DEFAULT_TENANT, version)
    weeks = Weeks(ids, logit)
    write_store(path, about, ids, pa.array(["UTC"] * users), [weeks])
    api = create_api(app)
    principals: Remembered[Speaker] = Remembered(KEY_SECONDS)
    scores: Remembered[ScoreStore] = Remembered(SCORES_SECONDS)

    def told(store: ScoreStore, wanted: str, top: int) -> BestTimes:
        row = store.find(UserId(wanted))
        assert row is not None  # every user that is asked for is in the file
        hours = [
            HourOfWeek(*divmod(slot_of(word), 24), probability_of(word))
            for word in store.best(row, top)
        ]
        return BestTimes(UserId(wanted), store.zone(row), tuple(hours), version, None)

    @api.get("/model/users/{user}/best-times")
    async def model(request: Request, user: str, top: int = 24) -> BestTimes:
        given = request.headers["authorization"].removeprefix("Bearer ")
        principal = await principals.get(given, lambda: app.authenticate(given))
        assert isinstance(principal, Principal)  # the key is good
        tenant_id = principal.tenant_id
        store = await scores.get(tenant_id, app.as_owner_of(tenant_id).scores.current)
        assert store is not None
        return told(store, user, top)

    @api.get("/house/users/{user}/best-times")
    def house(who: ScoresRead, user: str, top: int = 24) -> BestTimes:
        return told(app.for_(who).scores.current(), user, top)

    ask_duckdb = duckdb_of(folder, weeks)

    @api.get("/duckdb/users/{user}/best-times")
    def by_query(_who: ScoresRead, user: str, top: int = 24) -> BestTimes:
        hours = tuple(HourOfWeek(*row) for row in ask_duckdb(user, top))
        return BestTimes(UserId(user), "UTC", hours, version, None)

    gc.freeze()  # as `sendopt serve` does
    print(key, flush=True)
    with closing(app):
        make_server(api, host="127.0.0.1", port=port).run()


def train_champion(app: App, folder: Path) -> str:
    """Let a model of a shipped study serve; which one does not matter here."""
    study = next(study for study in load_studies() if study.tenant_id == "fried2021")
    pq.write_table(study.events, folder / "events.parquet")
    app.as_owner_of(DEFAULT_TENANT).events.import_files(
        [folder / "events.parquet"], progress=lambda *_: None
    )
    as_of = datetime(2025, 3, 20, tzinfo=UTC)
    report = app.as_owner_of(DEFAULT_TENANT).models.train(as_of=as_of, progress=lambda _: None)
    if not report.promoted:
        number, now = report.registered_as, app.clock.now()
        app.registry.promote(DEFAULT_TENANT, number, by="benchmark", reason="", now=now)
    return report.model_version


def duckdb_of(folder: Path, weeks: Weeks) -> Callable[[str, int], list[tuple[int, int, float]]]:
    """Put the same scores into a DuckDB table, one row a user under a primary key."""
    connection = duckdb.connect(str(folder / "scores.duckdb"))
    connection.execute("create table scores (user_id varchar primary key, probability float[168])")
    lists = pa.FixedSizeListArray.from_arrays(pa.array(weeks.probability.ravel()), SLOTS_A_WEEK)
    connection.register("weeks", pa.table({"user_id": weeks.user_id, "probability": lists}))
    connection.execute("insert into scores select * from weeks")

    def ask(user: str, top: int) -> list[tuple[int, int, float]]:
        with connection.cursor() as cursor:
            cursor.execute("select probability from scores where user_id = ?", [user])
            ((found,),) = cursor.fetchall()
        best = sorted(range(SLOTS_A_WEEK), key=lambda slot: -found[slot])[:top]
        return [(slot // 24, slot % 24, found[slot]) for slot in best]

    return ask


if __name__ == "__main__":
    serve(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
