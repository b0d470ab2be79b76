"""What commands print, as JSON for programs and as text for people; in one process, for speed."""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from backup.homes import USERS, campaign
from typer.testing import CliRunner

from sendopt.app import open_app
from sendopt.cli.main import commands
from sendopt.clock import SystemClock, VirtualClock
from sendopt.log import event_table
from sendopt.records import Event, EventType, TenantId, UserId
from sendopt.settings import Settings

Told = Callable[..., str]
Ended = Callable[..., tuple[int, str, str]]


@pytest.fixture
def told(home: Path) -> Told:
    """Run a command over a home of its own and return what it told."""

    def run(*arguments: str) -> str:
        done = CliRunner().invoke(commands, [*arguments, "--home", str(home)])
        assert done.exit_code == 0, (done.output, done.exception)
        return done.stdout

    return run


def test_keys_are_listed_without_their_secrets(told: Told) -> None:
    issued = [json.loads(told("key", "issue", name, "--json"))["key"] for name in ("old", "new")]
    key_ids = [key.split("_")[1] for key in issued]
    assert json.loads(told("key", "revoke", key_ids[0], "--json"))["key_id"] == key_ids[0]
    as_json, as_text = told("key", "list", "--json"), told("key", "list")
    listed: list[dict[str, Any]] = json.loads(as_json)["keys"]
    assert [(key["key_id"], key["name"]) for key in listed] == [
        (key_ids[0], "old"),
        (key_ids[1], "new"),
    ]
    assert [key["revoked_at"] is None for key in listed] == [False, True]
    for key_id, key in zip(key_ids, issued, strict=True):
        secret = key.split("_")[2]
        digest = hashlib.sha256(secret.encode()).hexdigest()
        for shown in (as_json, as_text):
            assert key_id in shown
            assert secret not in shown
            assert digest not in shown


def test_a_tenant_lists_its_own_keys_only(told: Told) -> None:
    told("tenant", "create", "acme")
    told("key", "issue", "of the default tenant")
    assert json.loads(told("key", "list", "--tenant", "acme", "--json"))["keys"] == []


def test_a_key_stands_on_one_line_and_a_name_as_it_was_given(told: Told, tmp_path: Path) -> None:
    """In a terminal of 80 columns, or none: what is copied or piped is the key."""
    key = told("key", "issue", "[/b] :key:")
    assert re.fullmatch(r"so_[0-9a-f]{16}_[0-9a-f]{64}\n", key)
    assert "[/b] :key:" in told("key", "list")
    file = tmp_path / "[b].csv"
    file.write_text("event_id,user_id,event_type,occurred_at\n")
    assert "[b].csv" in told("ingest", str(file))


def test_a_statement_says_whether_its_period_is_closed(told: Told, home: Path) -> None:
    as_json = ("bill", "statement", "--period", "2025-10", "--json")
    still_open = json.loads(told(*as_json))
    assert still_open["closed_at"] is None
    assert "Open" in told(*as_json[:-1])
    clock = VirtualClock(datetime(2026, 1, 1, tzinfo=UTC))
    with closing(open_app(Settings(home=home), clock=clock)) as app:
        closed = app.as_owner_of(TenantId("default")).statements.close("2025-10")
    answer = json.loads(told(*as_json))
    assert answer["closed_at"] == "2026-01-01T00:00:00Z"
    assert answer["sha256"] == hashlib.sha256(closed.document.encode()).hexdigest()
    assert answer["statement"] == json.loads(closed.document) == still_open["statement"]
    assert "Closed at 2026-01-01 00:00 UTC" in told(*as_json[:-1])


@pytest.fixture
def planned(home: Path) -> None:
    """Ten sends, of which four are due."""
    now = SystemClock().now()
    due = [now - timedelta(hours=1)] * 4 + [now + timedelta(hours=12)] * 6
    ten = campaign("ten", due[0]) | {
        "send_window": {
            "earliest_at": due[0].isoformat(),
            "latest_at": (due[-1] + timedelta(hours=1)).isoformat(),
        },
        "time_to_live_minutes": 24 * 60,
        "candidate_times": {user: [at.isoformat()] for user, at in zip(USERS, due, strict=True)},
    }
    clock = VirtualClock(now - timedelta(hours=2))
    with closing(open_app(Settings(home=home), clock=clock)) as app:
        for user in USERS:
            app.as_owner_of(TenantId("default")).devices.register(
                {"user_id": user, "channel": "simulator"}
            )
        app.as_owner_of(TenantId("default")).campaigns.put(ten, commit=True)


@pytest.mark.usefixtures("planned")
def test_holding_and_resuming_say_what_they_did_with_how_many_sends(told: Told) -> None:
    assert told("resume") == "No send is let go\n"
    held = told("hold")
    assert held.startswith("10 sends are newly held, until `sendopt resume`\n")
    assert "10 sends are held, of which 4 were due already" in held
    assert told("hold").startswith(
        "No send is newly held, until `sendopt resume`\n10 sends are held, of which 4 were due"
    )
    resumed = told("resume")
    assert resumed.startswith(
        "6 sends are let go: each goes out at its time\n4 sends are held still"
    )
    assert "`sendopt resume --overdue`" in resumed
    at_once = "4 sends are let go: each goes out at its time, or at once where that has come\n"
    assert told("resume", "--overdue") == at_once
    assert json.loads(told("hold", "--json"))["newly_held"] == 10
    answer = json.loads(told("resume", "--json"))
    assert answer == {"let_go": 6, "held": {"later": 0, "overdue": 4}}


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (("ingest", "nowhere.csv"), 2, "file_missing"),
        (("ingest", "--colour", "x"), 2, "No such option"),
        (("nonsense",), 2, "No such command"),
        (("bill", "statement", "--period", "October"), 2, "period_invalid"),
        (("train", "--tenant", "nobody"), 2, "tenant_unknown"),
        (("score",), 1, "no_champion"),
        (("plan", "nowhere.json"), 2, "file_missing"),
    ],
)
def test_failures_say_why(
    ended: Ended,
    arguments: tuple[str, ...],
    status: int,
    told: str,
) -> None:
    ended_with, out, err = ended(*arguments)
    assert ended_with == status, err
    assert told in err
    assert out == ""


def test_the_json_answer_of_a_failure_is_one_object(ended: Ended) -> None:
    _, out, _ = ended("ingest", "nowhere.csv", "--json")
    assert json.loads(out)["error"]["code"] == "file_missing"


def test_without_a_model_there_is_nothing_to_go_back_to(ended: Ended) -> None:
    status, out, _ = ended("models", "list", "--json")
    assert (status, json.loads(out)) == (0, [])
    status, out, _ = ended("models", "rollback", "--reason", "why not", "--json")
    assert (status, json.loads(out)["error"]["code"]) == (2, "no_champion")
    status, out, _ = ended("drift", "--json")
    assert (status, json.loads(out)["error"]["code"]) == (1, "no_champion")


def test_a_setting_that_cannot_be_used_names_its_variable(
    ended: Ended, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SENDOPT_HTTP__PORT", "many")
    status, _, err = ended("settings")
    assert status == 2
    assert "SENDOPT_HTTP__PORT" in err


def test_a_list_of_names_is_json_in_the_environment(
    ended: Ended, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "SENDOPT_SCHEDULE__URGENT_MESSAGE_TYPES"
    monkeypatch.setenv(name.lower(), '["otp", "fraud"]')
    status, out, _ = ended("settings", "--json")
    assert (status, json.loads(out)["schedule"]["urgent_message_types"]) == (0, ["otp", "fraud"])
    monkeypatch.setenv(name.lower(), "otp, fraud")
    status, _, err = ended("settings")
    assert status == 2
    assert f"{name}: should be a JSON list of names" in err


@pytest.mark.parametrize(
    ("mistyped", "meant"),
    [
        ("SENDOPT_DELIVER__MAX_ATEMPTS", "SENDOPT_DELIVER__MAX_ATTEMPTS"),
        ("SENDOPT_SCHEDULE_HOLDOUT_SHARE", "SENDOPT_SCHEDULE__HOLDOUT_SHARE"),
        ("SENDOPT_HOLDOUT_SHARE", "SENDOPT_SCHEDULE__HOLDOUT_SHARE"),
        ("SENDOPT_HTTP_PORT", "SENDOPT_HTTP__PORT"),
    ],
)
def test_a_variable_that_sets_nothing_is_refused(
    ended: Ended, monkeypatch: pytest.MonkeyPatch, mistyped: str, meant: str
) -> None:
    monkeypatch.setenv(mistyped, "0.1")
    status, _, err = ended("settings")
    assert status == 2
    assert f"setting_unknown: {mistyped}" in err
    assert meant in err


@pytest.mark.parametrize(
    "name",
    [
        "SENDOPT_SERVICE_HOST",
        "SENDOPT_SERVICE_PORT_HTTP",
        "SENDOPT_PORT",
        "SENDOPT_API_PORT_8420_TCP_ADDR",
    ],
)
def test_what_kubernetes_sets_beside_a_service_is_let_be(
    ended: Ended, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "tcp://10.0.0.1:8420")
    assert ended("settings")[0] == 0


@pytest.mark.parametrize("command", ["run", "dispatch"])
def test_no_service_starts_over_the_tables_of_a_newer_release(
    ended: Ended, home: Path, command: str
) -> None:
    with closing(sqlite3.connect(home / "state.sqlite")) as state:
        state.execute("update alembic_version set version_num = '9999'")
        state.commit()
    status, out, err = ended(command)
    assert (status, out) == (2, "")
    assert "schema_newer" in err
    assert "Traceback" not in err


@pytest.mark.parametrize("extra", [(), ("--json",)])
def test_secrets_are_never_shown(
    told: Told, monkeypatch: pytest.MonkeyPatch, extra: tuple[str, ...]
) -> None:
    monkeypatch.setenv("SENDOPT_LOG__S3_SECRET", "swordfish")
    shown = told("settings", *extra)
    assert "swordfish" not in shown
    assert "s3_secret" in shown.lower()


def test_an_example_of_a_campaign_is_json_alone_and_says_beside_it_what_comes_next(
    ended: Ended,
) -> None:
    status, out, err = ended("plan", "--example")
    assert status == 0
    assert json.loads(out)["channel"] == "web_push"
    assert "Nobody can be reached without a device on the channel web_push" in err
    assert "docs/devices.md" in err


@pytest.mark.parametrize("extra", [(), ("--commit",)])
def test_a_plan_that_reaches_nobody_says_so_and_what_to_do(
    told: Told, tmp_path: Path, extra: tuple[str, ...]
) -> None:
    campaign = tmp_path / "campaign.json"
    campaign.write_text(told("plan", "--example"))
    shown = told("plan", str(campaign), *extra)
    assert "Nobody can be reached: no user has a device on the channel web_push" in shown
    assert "POST /v1/devices" in shown
    assert "fallback" not in shown
    assert "opens expected" not in shown
    preview = json.loads(told("plan", str(campaign), "--json"))["preview"]
    assert "no user has a device" in preview["nobody_because"]


def test_a_lift_without_an_experiment_says_what_to_do(told: Told) -> None:
    assert "No lift: no send of an experiment has a known outcome yet; give campaigns" in told(
        "lift"
    )
    report = json.loads(told("lift", "--effect", "0.02", "--window", "2h", "--json"))
    assert (report["lift"], report["window_seconds"]) == (None, 7200)
    assert report["refusal"]["code"] == "no_randomised_arms"


def test_a_scrub_says_in_words_whose_events_cannot_be_read(ended: Ended, home: Path) -> None:
    at = datetime(2026, 9, 1, tzinfo=UTC)
    events = [Event(f"e{n}", UserId("ann"), EventType.SESSION, at) for n in range(1_500)]
    with closing(open_app(Settings(home=home))) as app, app.log.appender() as appender:
        appender.append(TenantId("default"), event_table(events))
    (file,) = (home / "log" / "data" / "main" / "event").rglob("*.parquet")
    file.write_bytes(file.read_bytes()[:-100])
    status, out, _ = ended("log", "scrub")
    assert status == 1
    [told] = [line for line in out.splitlines() if line.startswith("default: ")]
    assert told.startswith("default: DuckDB could not do what was asked of the log")
    assert "'" not in told  # the name of a statement is for programs
