"""Passwords are shown nowhere: settings, errors, logs, tracebacks."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendopt.app import open_app
from sendopt.errors import InvalidInput, SendoptError
from sendopt.log import Log, LogLocation
from sendopt.masking import MASK, masked
from sendopt.settings import LogSettings, Settings, StateSettings

#: One in every place of a setting in which a password can stand.
SECRETS = {f"planted{number:02}%2Fx" for number in range(20)}


def planted(number: int) -> str:
    return f"planted{number:02}%2Fx"


ENVIRONMENT = {
    "SENDOPT_STATE__URL": f"postgresql://ann:{planted(0)}@127.0.0.1:1/db?sslpassword={planted(1)}",
    "SENDOPT_LOG__CATALOG": f"postgresql://ann:{planted(2)}@127.0.0.1:1/db?password={planted(3)}",
    "SENDOPT_LOG__DATA": "s3://bucket/prefix",
    "SENDOPT_LOG__S3_ENDPOINT": "127.0.0.1:1",
    "SENDOPT_LOG__S3_KEY_ID": "key",
    "SENDOPT_LOG__S3_SECRET": planted(4),
    "SENDOPT_REGISTRY__TRACKING_URI": f"postgresql://ann:{planted(5)}@127.0.0.1:1/ml",
    "SENDOPT_REGISTRY__ARTIFACTS": f"s3://key:{planted(6)}@bucket/x?secret={planted(7)}",
    "SENDOPT_HTTP__METRICS_KEY": planted(8),
    "SENDOPT_HTTP__BASE_URL": f"https://ann:{planted(9)}@go.example/?token={planted(10)}",
    "SENDOPT_DELIVER__VAPID_SUBJECT": f"https://ann:{planted(11)}@shop.example/",
    "SENDOPT_SCORES__FOLDER": f"/tmp/password={planted(12)}",
}

COMMANDS = [["settings", "--json"], ["verify"]]
FURTHER = [
    *(["settings"], ["append"], ["key", "list", "--json"], ["train", "--json"], ["models", "list"]),
    *(["dispatch"], ["tenant", "create", "x"], ["bill", "statement", "--period", "2026-10"]),
    *(["log", "scrub"], ["score", "--json"], ["drift"], ["plan", "none.json"], ["run"]),
]


@pytest.mark.parametrize(
    "command",
    [*COMMANDS, *(pytest.param(each, marks=pytest.mark.slow) for each in FURTHER)],
    ids=" ".join,
)
def test_no_command_shows_a_planted_secret(command: list[str], tmp_path: Path) -> None:
    """Every store is away, so that each says what it cannot reach."""
    ended = subprocess.run(
        [sys.executable, "-m", "sendopt", *command, "--home", str(tmp_path / "home")],
        env={"PATH": "/usr/bin:/bin", **ENVIRONMENT},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    told = ended.stdout + ended.stderr
    assert told
    assert [secret for secret in SECRETS if secret[:9] in told] == []
    if command[0] == "settings":
        assert told.count(MASK) >= 10


def test_what_nobody_explained_is_told_without_secrets(tmp_path: Path) -> None:
    crash = """
        import sys
        import sendopt.cli
        module = sys.modules["sendopt.cli.main"]
        def boom():
            try:
                raise RuntimeError("host=db password='planted00 x' dbname=log")
            except RuntimeError as error:
                raise ValueError("postgresql://ann:planted01@db/log") from error
        module.commands = boom
        module.main()
    """
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(crash)], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert "ValueError" in ended.stderr
    assert "planted" not in ended.stderr


@pytest.mark.parametrize("text", [
    "postgresql://ann:{}@db:5432/log",
    "could not attach postgres://ann:{}@db: refused",
    "host=db user=ann password={} dbname=log",
    "host=db user=ann password='{} y' dbname=log",
    'connection to "host=db password = {}" failed',
    "https://hooks.example/x?token={}&y=1",
    "https://hooks.example/x?y=1&api_key={}",
    '{{"s3_secret": "{}"}}',
    "amqp://:{}@broker",
    "postgresql+psycopg://ann:{}@db/x?application_name=me@home",
    "DB_PASSWORD={}",
])  # fmt: skip
def test_whatever_stands_where_secrets_stand_is_hidden(text: str) -> None:
    told = masked(text.format("xy-9%2F!"))
    assert "xy-9" not in told
    assert MASK in told
    assert str(InvalidInput(text.format("xy-9%2F!"))).count("xy-9") == 0


@given(st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=8, max_size=20))
def test_what_a_setting_knows_as_secret_is_hidden_wherever_it_stands(secret: str) -> None:
    Settings(state=StateSettings(url=f"postgresql://ann:{secret}@db/x"))
    told = str(SendoptError(f"the server said {secret!r} of all things", hint=secret))
    assert secret not in told.replace(MASK, "")


@pytest.mark.parametrize(
    ("before", "secret"),
    [
        ("so_0123456789abcdef_", "5e" * 32),
        ("whsec_", "c2VjcmV0IG9mIGEgd2ViaG9vaywgbG9uZw=="),
        ("Authorization: Bearer ", "eyJhbGciOi.J9-x_y"),
        ("{'Authorization': 'Basic ", "YW5uOnMzY3JldA=="),
    ],
)
def test_a_secret_is_known_by_its_form(before: str, secret: str) -> None:
    assert masked(f"refused: {before}{secret}, try again") == f"refused: {before}{MASK}, try again"


def test_an_ordinary_message_stays_as_it_is() -> None:
    text = "events.csv: row 7, column occurred_at: '2026-10-25' is no instant; expected a timestamp"
    assert masked(text) == text
    for hint in (
        "the header `Authorization: Bearer so_...`",
        "whsec_ and 24 to 64 bytes",
        "so_far",
    ):
        assert masked(hint) == hint
    assert masked("https://shop.example/a:b?x=1 and ann@shop.example") == (
        "https://shop.example/a:b?x=1 and ann@shop.example"
    )


def chain(error: BaseException | None) -> list[str]:
    told = []
    while error is not None:
        told.append(f"{error!r} {error}")
        error = error.__cause__ or error.__context__
    return told


def test_the_causes_of_a_failing_store_hold_no_password(home: Path) -> None:
    url = "postgresql://ann:planted13x@127.0.0.1:1/db"
    failures = []
    with closing(Log(LogLocation(url, str(home / "data")))) as log:
        with pytest.raises(SendoptError) as failed:
            log.migrate()
        failures.append(failed.value)
    settings = Settings(
        home=home,
        state=StateSettings(url=url),
        log=LogSettings(catalog=url),
    )
    with closing(open_app(settings)) as app:
        with pytest.raises(SendoptError) as failed:
            app.operator.backlog()
        failures.append(failed.value)
        findings = app.operator.verify(progress=print).findings
    assert len(findings) >= 2
    assert "planted13x" not in json.dumps([chain(error) for error in failures])
    assert "planted13x" not in repr(findings)
