"""What every test may ask for: a real PostgreSQL, a fresh database in it, a migrated state."""

from __future__ import annotations

import itertools
import shutil
import sys
import zoneinfo
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
import structlog
from emptied import Emptied
from servers import S3, Postgres

from sendopt.log import Log, LogLocation, event_table
from sendopt.records import Event, EventType, SendId, TenantId, UserId
from sendopt.state import State, outbox, tables, tenants
from sendopt.state.migrate import migrate

#: What tests work out for themselves they work out by the same database, whatever this machine has.
zoneinfo.reset_tzpath(to=())
zoneinfo.ZoneInfo.clear_cache()

pytest_plugins = ("longest_first", "examples")

STUDY_IS_OVER = datetime(2025, 3, 20, tzinfo=UTC)  # of the shipped study in `trained_home`

_names = itertools.count(1)

#: As docs/operations.md says; superusers see the rows of every tenant whatever the policies say.
_A_ROLE_THAT_OWNS_NOTHING = """
create role service login;
grant select, insert, update, delete on all tables in schema public to service;
grant usage on all sequences in schema public to service;
"""


@pytest.fixture(scope="session", autouse=True)
def logs_on_stderr() -> None:
    """Log to the process's own stderr, as a service does.

    What stands for stdout changes from test to test, and servers that live longer than one would
    write to one that is closed.
    """
    structlog.configure(logger_factory=structlog.WriteLoggerFactory(sys.__stderr__))


@pytest.fixture
def now() -> datetime:
    """An ordinary Thursday."""
    return datetime(2026, 10, 1, 9, 30, tzinfo=UTC)


@pytest.fixture(scope="session")
def _migrated_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The catalog of a migrated, empty log to copy from."""
    folder = tmp_path_factory.mktemp("log")
    with closing(Log(LogLocation(str(folder / "log.sqlite"), str(folder / "log-data")))) as log:
        log.migrate()
    return folder / "log.sqlite"


@pytest.fixture(scope="session")
def make_log(
    tmp_path_factory: pytest.TempPathFactory, _migrated_log: Path
) -> Callable[[], AbstractContextManager[Log]]:
    """Makes a migrated log without events, on local files; the block closes it."""

    def make() -> AbstractContextManager[Log]:
        folder = tmp_path_factory.mktemp("log")
        catalog = shutil.copyfile(_migrated_log, folder / "log.sqlite")
        return closing(Log(LogLocation(str(catalog), str(folder / "log-data"))))

    return make


@pytest.fixture
def empty_log(make_log: Callable[[], AbstractContextManager[Log]]) -> Iterator[Log]:
    """A migrated log without events, on local files."""
    with make_log() as log:
        yield log


@pytest.fixture(scope="session")
def empty_home(
    tmp_path_factory: pytest.TempPathFactory, _migrated_log: Path, _migrated_sqlite: Path
) -> Path:
    """A home whose stores are there, and hold nothing of any tenant; to be copied, not changed."""
    from sendopt.app import open_app
    from sendopt.app.stores import DEFAULT_TENANT
    from sendopt.clock import VirtualClock
    from sendopt.settings import Settings

    home = tmp_path_factory.mktemp("empty") / "home"
    (home / "log").mkdir(parents=True)
    shutil.copyfile(_migrated_log, home / "log" / "catalog.sqlite")
    shutil.copyfile(_migrated_sqlite, home / "state.sqlite")
    clock = VirtualClock(datetime(2025, 1, 1, tzinfo=UTC))
    with closing(open_app(Settings(home=home), clock=clock)) as app:
        app.open_stores()
        # Somebody else's: of a lake that never held an event DuckLake keeps no statistics, and asks
        # its catalog 40 ms long for each mention of a table.
        with app.log.appender() as appender:
            event = Event("e", UserId("u"), EventType.SESSION, clock.now())
            appender.append(TenantId("somebody-else"), event_table([event]))
        assert not app.registry.models(DEFAULT_TENANT)  # makes its tables, which takes seconds
    return home


@pytest.fixture
def home(empty_home: Path, tmp_path: Path) -> Path:
    """A home of the test's own, without any event, send or model."""
    return Path(shutil.copytree(empty_home, tmp_path / "home"))


@pytest.fixture(scope="session")
def trained_home(tmp_path_factory: pytest.TempPathFactory, empty_home: Path) -> Path:
    """A home that knows a shipped study and has a champion; to be copied, not changed."""
    import pyarrow.parquet as pq

    from sendopt.app import open_app
    from sendopt.app.stores import DEFAULT_TENANT
    from sendopt.clock import VirtualClock
    from sendopt.demo.studies import load_studies
    from sendopt.settings import Settings

    folder = tmp_path_factory.mktemp("trained")
    study = next(study for study in load_studies() if study.tenant_id == "fried2021")
    pq.write_table(study.events, folder / "events.parquet")
    shutil.copytree(empty_home, folder / "home")
    clock = VirtualClock(STUDY_IS_OVER)
    with closing(open_app(Settings(home=folder / "home"), clock=clock)) as app:
        app.as_owner_of(DEFAULT_TENANT).events.import_files(
            [folder / "events.parquet"], progress=lambda _path, _rows: None
        )
        report = app.as_owner_of(DEFAULT_TENANT).models.train(progress=lambda _: None)
        if not report.promoted:
            app.registry.promote(
                DEFAULT_TENANT, report.registered_as, by="tests", reason="", now=clock.now()
            )
    return folder / "home"


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The libpq URI of a PostgreSQL server's maintenance database, for the whole session."""
    server = Postgres()
    with closing(server):
        server.start()
        yield server.url


@pytest.fixture(scope="session")
def database(postgres_url: str) -> Callable[..., AbstractContextManager[str]]:
    """Makes a database and gives its libpq URI: empty, or a copy of `template`, another's URI."""

    @contextmanager
    def make(template: str = "template0") -> Iterator[str]:
        name = f"test_{next(_names)}"
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            original = template.rpartition("/")[2]
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{original}"')
            yield f"{postgres_url.rpartition('/')[0]}/{name}"
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')

    return make


@pytest.fixture
def postgres_database(database: Callable[..., AbstractContextManager[str]]) -> Iterator[str]:
    """The libpq URI of a fresh, empty database."""
    with database() as url:
        yield url


@pytest.fixture(scope="session")
def s3_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """Host and port of an S3-compatible server, and the folder that holds its buckets."""
    server = S3(tmp_path_factory.mktemp("s3"))
    server.start()
    yield server.endpoint, server.buckets
    server.stop()


@pytest.fixture(scope="session")
def _migrated_postgres(database: Callable[..., AbstractContextManager[str]]) -> Iterator[str]:
    """The URI of a migrated database to copy from, which a role can use that owns nothing in it."""
    with database() as url:
        with closing(State(url)) as state:
            migrate(state)
        with psycopg.connect(url) as connection:
            connection.execute(_A_ROLE_THAT_OWNS_NOTHING)
        yield url


@pytest.fixture(scope="session")
def _migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated file to copy from."""
    file = tmp_path_factory.mktemp("state") / "template.db"
    with closing(State(f"sqlite:///{file}")) as state:
        migrate(state)
    return file


@pytest.fixture(scope="session")
def _emptied_postgres(
    database: Callable[..., AbstractContextManager[str]], _migrated_postgres: str
) -> Iterator[Emptied]:
    with closing(Emptied(_migrated_postgres, database)) as emptied:
        yield emptied


@pytest.fixture(params=["sqlite", "postgres"])
def state_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a migrated, empty state; the test runs once on each database."""
    if request.param == "sqlite":
        file = tmp_path / "state.db"
        shutil.copyfile(request.getfixturevalue("_migrated_sqlite"), file)
        yield f"sqlite:///{file}"
    else:
        with request.getfixturevalue("_emptied_postgres").lend() as url:
            yield url


@pytest.fixture
def state(state_url: str) -> Iterator[State]:
    """A migrated, empty state; the test runs once on each database."""
    with closing(State(state_url)) as state:
        yield state


@pytest.fixture
def hand_over() -> Callable[..., str]:
    """Stores a send as a dispatcher leaves it, with its event; returns the id of its link."""

    def hand_over(
        state: State,
        send_id: str,
        *,
        tenant_id: str = "shop",
        user_id: str = "ann",
        at: datetime | None,
        destination: str = "https://shop.example/sale",
    ) -> str:
        tenant, send, user = TenantId(tenant_id), SendId(send_id), UserId(user_id)
        link_id = f"link-{tenant_id}-{send_id}"
        planned_at = datetime(2026, 1, 1, tzinfo=UTC)
        with state.write_fleet() as tx:
            tenants.create(tx, tenant, timezone="UTC", now=planned_at)
            row = {
                "tenant_id": tenant_id,
                "send_id": send_id,
                "campaign_id": send_id,
                "variant_id": "a",
                "user_id": user_id,
                "channel": "simulator",
                "state": "claimed" if at is None else "delivered",
                "reason": None if at is None else "accepted",
                "handed_over_at": at,
                "planned_at": planned_at,
            }
            tx.execute(tables.planned_send.insert().values(row))
            tx.execute(
                tables.link.insert().values(
                    tenant_id=tenant_id,
                    link_id=link_id,
                    send_id=send_id,
                    destination=destination,
                    created_at=planned_at,
                )
            )
            if at is not None:
                event = Event(f"{send_id}:send", user, EventType.SEND, at, send_id=send)
                outbox.record(tx.of(tenant), [event], now=at)
        return link_id

    return hand_over
