"""A user who was planted in every store is in none after the erasure, and all counts stand."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from sendopt.app import App, open_app
from sendopt.app.erasing import Eraser
from sendopt.clock import VirtualClock
from sendopt.errors import Conflict, NotFound
from sendopt.records import CampaignId, ErasureReceipt, ErasureStep, Message, TenantId, UserId
from sendopt.score import Weeks
from sendopt.score.store_file import About
from sendopt.score.store_writer import write_store
from sendopt.settings import LogSettings, Settings, StateSettings
from sendopt.state.tables import planned_send
from sendopt.state.tables_erasure import erased_send
from sendopt.track import ClickRequest

TENANT, OTHER = TenantId("default"), TenantId("other")
START = datetime(2026, 10, 1, 9, 0, tzinfo=UTC)
CANARY = UserId("zz-kanarie 'é\" %_ \U0001f424")
#: What else of hers is nobody's business: of an address, a program, her own campaign's texts.
HERS = ("canary-address", "canary-agent", "canary-attribute", "canary-platform")
OTHERS = [UserId(f"u{number}") for number in range(12)]


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(START)


@pytest.fixture
def settings(home: Path) -> Settings:
    return Settings(home=home)


@pytest.fixture(scope="module")
def lived_home(empty_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which the same user of two tenants has left traces; to be copied, not changed."""
    folder = tmp_path_factory.mktemp("lived")
    home = Path(shutil.copytree(empty_home, folder / "home"))
    with closing(open_app(Settings(home=home), clock=VirtualClock(START))) as app:
        app.operator.create_tenant(TENANT, timezone="UTC")
        live(app, TENANT, folder)
    return home


@pytest.fixture
def lived(lived_home: Path, tmp_path: Path, clock: VirtualClock) -> Iterator[App]:
    home = shutil.copytree(lived_home, tmp_path / "lived")
    clock.advance(timedelta(hours=4))
    with closing(open_app(Settings(home=home), clock=clock)) as app:
        yield app


@pytest.fixture
def app(settings: Settings, clock: VirtualClock) -> Iterator[App]:
    with closing(open_app(settings, clock=clock)) as app:
        app.operator.create_tenant(TENANT, timezone="UTC")
        yield app


def an_event(number: int, user_id: str, **told: Any) -> dict[str, Any]:
    return {
        "event_id": f"{user_id[:2]}-{number}",
        "user_id": user_id,
        "event_type": "session",
        "occurred_at": (START - timedelta(days=3, minutes=number)).isoformat(),
        **told,
    }


def a_campaign(name: str, audience: Any, *, at: datetime, **more: Any) -> dict[str, Any]:
    return {
        "campaign_id": name,
        "channel": "simulator",
        "variants": [
            {"variant_id": "v", "title": "t", "body": "b", "url": "https://example.org/x"}
        ],
        "send_window": {
            "earliest_at": at.isoformat(),
            "latest_at": (at + timedelta(hours=3)).isoformat(),
        },
        "quiet_hours": None,
        "audience": audience,
        "holdout": {"share": 0.5},
        **more,
    }


def live(app: App, tenant_id: TenantId, tmp_path: Path) -> None:
    """Let the user leave a trace wherever somebody can; others do the same."""
    work, clock = app.as_owner_of(tenant_id), app.clock
    assert isinstance(clock, VirtualClock)
    begun_at = clock.now()
    everybody = [*OTHERS, CANARY]
    work.statements.put_rate_card(
        {
            "currency": "EUR",
            "click_price_minor": "1.25",
            "response_price_minor": "2",
            "attribution_window_seconds": 86400,
            "effective_at": START.isoformat(),
        }
    )
    for user_id in everybody:
        work.users.put(user_id, {"timezone": "Europe/Berlin"})
        work.devices.register(
            {
                "device_id": f"device of {user_id[:2]}",
                "user_id": user_id,
                "channel": "simulator",
                "address": {},
                "platform": "canary-platform" if user_id == CANARY else "ios",
            }
        )
    told = {"attributes": {"seen": "canary-attribute"}, "platform": "canary-platform"}
    work.events.accept(
        [
            an_event(number, user_id, **(told if user_id == CANARY else {}))
            for user_id in everybody
            for number in range(20)
        ]
    )
    app.rounds.copy_to_log()
    rows = [an_event(100 + number, each) for each in everybody for number in range(100)]
    file = tmp_path / f"{tenant_id}.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)))
    work.events.import_files([file], progress=lambda _path, _rows: None)
    for user_id in everybody:
        work.users.prefer(
            user_id,
            {
                "topics": {"news of zz" if user_id == CANARY else "news": False},
                "quiet_hours": None,
                "snoozed_until": None,
            },
        )
        said_at = begun_at - timedelta(days=2)
        for given, at in ((False, said_at), (True, said_at + timedelta(days=1))):
            said = {"given": given, "at": at.isoformat(), "source": f"letter of {user_id[:2]}"}
            work.users.say(user_id, said)
    own_times = {
        user_id: [(begun_at + timedelta(hours=hour)).isoformat() for hour in (1, 2)]
        for user_id in (CANARY, OTHERS[0])
    }
    work.campaigns.put(
        a_campaign("first", everybody, at=begun_at + timedelta(hours=1), candidate_times=own_times),
        commit=True,
    )
    work.campaigns.put(
        a_campaign(
            "to-all", "everyone", at=begun_at + timedelta(hours=1), candidate_times=own_times
        ),
        commit=False,
    )
    work.campaigns.put(a_campaign("later", everybody, at=begun_at + timedelta(days=9)), commit=True)
    work.campaigns.put(a_campaign("hers", [CANARY], at=begun_at + timedelta(days=9)), commit=False)
    work.campaigns.put(
        a_campaign("asked", "triggered", at=begun_at, candidate_times=None), commit=True
    )
    for user_id in everybody:
        key = "key of zz" if user_id == CANARY else f"key of {user_id}"
        work.sends.ask({"campaign_id": "asked", "user_id": user_id, "send_key": key})
    sent = list[Message]()
    # When her message is due she is not to be disturbed: it is moved.
    snoozed_until = (begun_at + timedelta(hours=2, minutes=30)).isoformat()
    unsaid = {"topics": {"news of zz": False}, "quiet_hours": None}
    work.users.prefer(CANARY, {**unsaid, "snoozed_until": snoozed_until})
    for hours in (2, 1):
        clock.advance(timedelta(hours=hours))
        app.rounds.dispatcher(on_simulated=sent.append).dispatch_due()
    clock.advance(timedelta(minutes=5))
    for message in sent:
        agent = "canary-agent" if message.user_id == CANARY else "Mozilla/5.0 (iPhone)"
        assert message.click_url is not None
        token = message.click_url.rpartition("/")[2]
        app.links.follow(token, ClickRequest("GET", {"user-agent": agent}))
        work.sends.report(message.send_id, {"kind": "open"})
        work.sends.report(message.send_id, {"kind": "response"})
    work.events.accept([an_event(900, each, event_type="opt_out") for each in everybody[-2:]])
    app.rounds.settle()
    app.rounds.compact_log()
    score(app, tenant_id, everybody)


def score(app: App, tenant_id: TenantId, users: list[UserId]) -> None:
    """Store scores of two models."""
    ids = pa.array(sorted(users, key=str.encode), pa.string())
    weeks = Weeks(ids, np.zeros((len(ids), 168), np.float32))
    for version in ("one", "two"):
        about = About(tenant_id, version, 1, clock_now(app), created_at=clock_now(app))
        write_store(
            app.stored_scores.path(tenant_id, version),
            about,
            ids,
            pa.array(["UTC"] * len(ids)),
            [weeks],
        )


def clock_now(app: App) -> datetime:
    return app.clock.now()


def erase(app: App, tenant_id: TenantId = TENANT, user_id: UserId = CANARY) -> ErasureReceipt:
    users = app.as_owner_of(tenant_id).users
    begun = users.erase(user_id)
    app.rounds.erase()
    return users.erasure(begun.erasure_id)


def found_in(folder: Path, traces: list[str]) -> list[tuple[str, str]]:
    """Return in which files of a folder which traces are, compressed ones and Parquet too."""
    forms = {
        form
        for trace in traces
        for form in (trace, json.dumps(trace)[1:-1], trace.encode("unicode_escape").decode())
    }
    found = []
    for file in sorted(folder.rglob("*")):
        if not file.is_file():
            continue
        held = [file.read_bytes()]
        if file.suffix == ".parquet":
            table = pq.ParquetFile(file).read()
            held.append(json.dumps(table.to_pylist(), default=str, ensure_ascii=False).encode())
            held.append(str(pq.ParquetFile(file).metadata.to_dict()).encode())
        found += [
            (str(file.relative_to(folder)), form)
            for form in forms
            if any(form.encode() in each for each in held)
        ]
    return found


def counts(app: App, tenant_id: TenantId) -> dict[str, Any]:
    work = app.as_owner_of(tenant_id)
    return {
        "statement": work.statements.get("2026-10"),
        "results": {name: work.results.of_campaign(CampaignId(name)) for name in ("first",)},
        "lift": work.results.lift(),
    }


def traces(app: App) -> list[str]:
    """Return her id, and all that follows from it or leads to it."""
    told = app.as_owner_of(TENANT).users.export(CANARY)
    hers = [row["send_id"] for row in told["sends"]]
    links = [row["link_id"] for row in told["links"]]
    assert len(hers) == 3
    assert links
    assert told["send_moves"]
    assert told["events"]
    return [CANARY, *hers, *links, *HERS, "device of zz", "letter of zz", "news of zz", "key of zz"]


def test_a_canary_is_in_no_byte_of_the_home(lived: App) -> None:
    planted = traces(lived)
    where = {file.split("/")[0].split(".")[0] for file, _ in found_in(lived.settings.home, planted)}
    assert where >= {"log", "state", "scores"}
    before = counts(lived, TENANT)

    receipt = erase(lived)

    assert receipt.step is ErasureStep.DONE
    assert receipt.done_at is not None
    assert found_in(lived.settings.home, planted) == []
    assert counts(lived, TENANT) == before
    report = lived.operator.verify(progress=lambda _about: None)
    assert report.findings == ()
    assert report.unsettled == ()
    assert report.unnamed_files == ()
    with pytest.raises(NotFound, match="no such user"):
        lived.as_owner_of(TENANT).users.export(CANARY)
    with pytest.raises(NotFound):
        lived.as_owner_of(TENANT).users.get(CANARY)


@pytest.mark.slow
def test_the_same_user_of_another_tenant_is_as_before(lived: App, tmp_path: Path) -> None:
    lived.operator.create_tenant(OTHER, timezone="UTC")
    live(lived, OTHER, tmp_path)

    def hers() -> dict[str, Any]:
        told = lived.as_owner_of(OTHER).users.export(CANARY)
        return {name: value for name, value in told.items() if name != "exported_at"}

    before, bill = hers(), counts(lived, OTHER)
    erase(lived)
    assert (hers(), counts(lived, OTHER)) == (before, bill)


def test_nothing_that_names_her_is_taken_and_nothing_says_her_name(
    lived: App, tmp_path: Path
) -> None:
    work = lived.as_owner_of(TENANT)
    work.users.erase(CANARY)
    device = {"device_id": "x", "user_id": CANARY, "channel": "simulator", "address": {}}
    refused: list[Callable[[], object]] = [
        lambda: work.users.put(CANARY, {"timezone": "UTC"}),
        lambda: work.devices.register(device),
        lambda: work.campaigns.put(
            a_campaign("again", ["u1", CANARY], at=START + timedelta(days=9)), commit=True
        ),
    ]
    for each in refused:
        with pytest.raises(Conflict) as refusal:
            each()
        assert refusal.value.code == "user_erased"
        assert CANARY not in f"{refusal.value} {refusal.value.hint}"
    verdicts = work.events.accept([an_event(5_000, CANARY), an_event(5_000, "u1")])
    assert [verdict.code for verdict in verdicts] == ["user_erased", None]
    assert CANARY not in repr(verdicts)
    file = tmp_path / "more.jsonl"
    rows = [an_event(6_000 + n, each) for n, each in enumerate(["u1", CANARY, "u1"])]
    file.write_text("\n".join(map(json.dumps, [*rows, rows[0]])))
    (report,) = work.events.import_files([file], progress=lambda _path, _rows: None)
    assert (report.accepted, report.repeated, report.rejected) == (2, 1, 1)
    (rejection,) = report.rejections()
    assert (rejection.row, rejection.code) == (2, "user_erased")
    assert CANARY not in str(rejection)
    with pytest.raises(NotFound):
        work.scores.best_times(CANARY, top=1)
    lived.rounds.erase()
    work.users.readmit(CANARY)
    work.users.put(CANARY, {"timezone": "UTC"})
    assert work.users.get(CANARY).opted_out_at is None


class Killed(Exception):
    pass


@pytest.mark.parametrize(
    "died_in",
    [
        "_log_files",
        *(
            pytest.param(step, marks=pytest.mark.slow)
            for step in ("_state", "_scores", "_forget", "_finish")
        ),
    ],
)
def test_a_process_that_dies_leaves_the_rest_to_the_next_one(
    lived: App, clock: VirtualClock, died_in: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = lived.settings
    planted = traces(lived)
    before = counts(lived, TENANT)
    step = getattr(Eraser, died_in)

    def die(self: Eraser, *given: Any) -> None:
        step(self, *given)
        raise Killed

    def die_before_noting(*given: Any) -> None:
        raise Killed

    begun = lived.as_owner_of(TENANT).users.erase(CANARY)
    with monkeypatch.context() as patched:
        patched.setattr(Eraser, died_in, die)
        if died_in == "_log_files":  # the log is another one, and the state does not know it yet
            patched.setattr(Eraser, "_note", die_before_noting)
        with pytest.raises(Killed):
            lived.rounds.erase()
    assert counts(lived, TENANT) == before
    assert lived.operator.verify(progress=lambda _about: None).findings == ()
    with closing(open_app(settings, clock=clock)) as again:
        again.rounds.erase()
        receipt = again.as_owner_of(TENANT).users.erasure(begun.erasure_id)
        assert receipt.step is ErasureStep.DONE
        assert found_in(lived.settings.home, planted) == []
        assert counts(again, TENANT) == before
        assert again.operator.verify(progress=lambda _about: None).findings == ()


def test_who_is_being_erased_is_listed_no_more(app: App) -> None:
    work = app.as_owner_of(TENANT)
    for user_id in (CANARY, OTHERS[0]):
        work.users.put(user_id, {"timezone": "UTC"})
    work.users.erase(CANARY)
    listed = [user.user_id for user in work.users.page(limit=10).items]
    assert listed == [OTHERS[0]]
    app.rounds.erase()
    work.users.readmit(CANARY)
    work.users.put(CANARY, {"timezone": "UTC"})
    assert len(work.users.page(limit=10).items) == 2


def test_many_at_once_are_one_rewriting(lived: App) -> None:
    before = counts(lived, TENANT)
    users = lived.as_owner_of(TENANT).users
    begun = [users.erase(each) for each in [*OTHERS[:8], CANARY, UserId("nobody")]]
    assert lived.rounds.erase() == 10
    assert {users.erasure(each.erasure_id).step for each in begun} == {ErasureStep.DONE}
    assert counts(lived, TENANT) == before
    assert lived.operator.verify(progress=lambda _about: None).findings == ()
    assert users.erase(CANARY).erasure_id == begun[8].erasure_id
    assert lived.rounds.erase() == 0


def test_rows_of_one_tenant_do_not_stop_the_erasures_of_others(app: App) -> None:
    """The first tenant has a row in the way, as of an erasure that was restored by halves."""
    app.operator.create_tenant(OTHER, timezone="UTC")
    begun = {}
    for tenant_id in (TENANT, OTHER):
        work = app.as_owner_of(tenant_id)
        work.users.put(CANARY, {"timezone": "UTC"})
        work.devices.register(
            {"device_id": "d", "user_id": CANARY, "channel": "simulator", "address": {}}
        )
        work.campaigns.put(
            a_campaign("first", [CANARY], at=START + timedelta(hours=1)), commit=True
        )
        begun[tenant_id] = work.users.erase(CANARY)
    with app.state.write(TENANT) as tx:
        (send_id,) = tx.scalars(
            sa.select(planned_send.c.send_id).where(tx.owns(planned_send))
        ).all()
        in_the_way = {"send_id": send_id, "erasure_id": "x", "new_send_id": "y"}
        tx.execute(sa.insert(erased_send).values(tenant_id=TENANT, **in_the_way))
    assert app.rounds.erase() == 1
    steps = {
        each: app.as_owner_of(each).users.erasure(begun[each].erasure_id).step for each in begun
    }
    assert steps == {TENANT: ErasureStep.ASKED, OTHER: ErasureStep.DONE}
    with app.state.write(TENANT) as tx:
        tx.execute(sa.delete(erased_send).where(tx.owns(erased_send)))
    assert app.rounds.erase() == 1


def test_a_message_that_is_being_handed_over_ends_by_itself(
    app: App, clock: VirtualClock, tmp_path: Path
) -> None:
    work = app.as_owner_of(TENANT)
    for user_id in (CANARY, OTHERS[0]):
        work.devices.register(
            {"device_id": user_id[:2], "user_id": user_id, "channel": "simulator", "address": {}}
        )
    work.campaigns.put(
        a_campaign("first", [CANARY, OTHERS[0]], at=START + timedelta(hours=1)), commit=True
    )
    begun = list[ErasureReceipt]()

    def meanwhile(_message: Message) -> None:
        if not begun:
            begun.append(work.users.erase(CANARY))
            app.rounds.erase()
            assert work.users.erasure(begun[0].erasure_id).step is ErasureStep.ASKED

    clock.advance(timedelta(hours=3))
    app.rounds.dispatcher(on_simulated=meanwhile).dispatch_due()
    before = counts(app, TENANT)
    app.rounds.erase()
    assert work.users.erasure(begun[0].erasure_id).step is ErasureStep.DONE
    assert counts(app, TENANT) == before
    app.rounds.settle()
    assert app.operator.verify(progress=lambda _about: None).findings == ()


def test_what_is_exported_is_all_of_hers_and_nothing_of_others(lived: App) -> None:
    told = lived.as_owner_of(TENANT).users.export(CANARY)
    assert len(told["sends"]) == len(told["decisions"]) == 3
    assert [row["request"]["send_key"] for row in told["send_requests"]] == ["key of zz"]
    assert {row["event_type"] for row in told["events"]} >= {"session", "send", "click", "open"}
    assert [store["model_version"] for store in told["scores"]] == ["one", "two"]
    assert told["devices"][0]["platform"] == "canary-platform"
    assert {"charges", "clicks", "links", "responses", "consents"} <= told.keys()
    text = json.dumps(told, default=str)
    assert not [other for other in OTHERS if f'"{other}"' in text]


@pytest.mark.slow
def test_postgresql_holds_nothing_of_her_either(
    postgres_database: str, clock: VirtualClock, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    settings = Settings(
        home=home,
        state=StateSettings(url=postgres_database),
        log=LogSettings(catalog=postgres_database),
    )
    with closing(open_app(settings, clock=clock)) as app:
        app.operator.create_tenant(TENANT, timezone="UTC")
        live(app, TENANT, tmp_path)
        planted = traces(app)
        before = counts(app, TENANT)
        assert found_in_tables(postgres_database, planted)
        assert erase(app).step is ErasureStep.DONE
        assert found_in_tables(postgres_database, planted) == []
        assert found_in(home, planted) == []
        assert counts(app, TENANT) == before
        assert app.operator.verify(progress=lambda _about: None).findings == ()


def found_in_tables(url: str, planted: list[str]) -> list[tuple[str, str]]:
    found = []
    with psycopg.connect(url) as connection:
        connection.execute("select set_config('sendopt.tenant', '*', true)")
        names = "select tablename from pg_tables where schemaname = 'public'"
        for (table,) in connection.execute(names).fetchall():
            rows = connection.execute(f'select * from "{table}"').fetchall()
            text = repr(rows) + "".join(
                bytes(value).decode("utf-8", "replace")
                for row in rows
                for value in row
                if isinstance(value, bytes | memoryview)
            )
            text += json.dumps(rows, default=str, ensure_ascii=False)
            found += [(table, each) for each in planted if each in text]
    return found
