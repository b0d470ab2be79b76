"""The keys that the service makes for itself: made once, kept for ever, never replaced."""

from __future__ import annotations

import json
import os
import re
import shlex
import stat
import subprocess
import sys
import textwrap
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from sendopt.app.app import App
from sendopt.app.channels import public_web_push_key
from sendopt.app.secrets import load_or_create_secrets, load_secrets, secrets_file
from sendopt.clock import SystemClock, VirtualClock
from sendopt.errors import InvalidInput
from sendopt.records import Channel, Device, DeviceId, TenantId, UserId
from sendopt.settings import Settings
from sendopt.state import devices
from sendopt.state.tables import link

RUNBOOK = Path(__file__).parents[2] / "docs" / "runbooks" / "key-rotated.md"


def test_they_are_made_once_for_their_owner_alone(tmp_path: Path) -> None:
    made = load_or_create_secrets(tmp_path, os.urandom)
    assert load_or_create_secrets(tmp_path, os.urandom) == made
    assert [file.name for file in tmp_path.iterdir()] == ["secrets.json"]
    assert stat.S_IMODE((tmp_path / "secrets.json").stat().st_mode) == 0o600
    assert "vapid" not in repr(made)


def test_their_name_is_on_disk_before_they_are_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A link that was signed with a key that a power cut takes away would lead nowhere."""
    synced = []

    def fsync(descriptor: int) -> None:
        synced.append((os.fstat(descriptor).st_ino, [each.name for each in tmp_path.iterdir()]))

    monkeypatch.setattr(os, "fsync", fsync)
    load_or_create_secrets(tmp_path, os.urandom)
    assert synced[-1] == (tmp_path.stat().st_ino, ["secrets.json"])


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b"\xff",
        b'{"link_keys": {"k1": 7}, "current_link_key": "k1", "vapid_private_key_pem": ""}',
        b'{"link_keys": {"k1": "?"}, "current_link_key": "k1", "vapid_private_key_pem": ""}',
        b'{"link_keys": ["k1"], "current_link_key": "k1", "vapid_private_key_pem": ""}',
        None,  # a folder
    ],
)
def test_damaged_ones_are_refused_and_stay(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "secrets.json"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    with pytest.raises(InvalidInput, match="backup") as refused:
        load_or_create_secrets(tmp_path, os.urandom)
    assert refused.value.code == "secrets_unusable"
    assert path.is_dir() if content is None else path.read_bytes() == content


def test_the_runbook_adds_a_link_key_to_a_file_that_stays_whole(tmp_path: Path) -> None:
    before = load_or_create_secrets(tmp_path, os.urandom)
    [typed] = re.findall(r"<<'END'\n(.*?)\n +END$", RUNBOOK.read_text(), re.DOTALL | re.MULTILINE)
    subprocess.run(
        [sys.executable, "-c", textwrap.dedent(typed)],
        env={**os.environ, "SENDOPT_HOME": str(tmp_path)},
        check=True,
    )
    after = load_secrets(secrets_file(tmp_path))
    assert after.current_link_key == "k2"
    assert before.link_keys.items() < after.link_keys.items()
    changed = json.loads(secrets_file(tmp_path).read_text())
    changed["link_keys"]["k2"] = changed["link_keys"]["k1"]
    secrets_file(tmp_path).write_text(json.dumps(changed))
    with pytest.raises(InvalidInput):
        load_secrets(secrets_file(tmp_path))


def test_a_browser_that_is_registered_first_has_subscribed_with_a_key_that_is_there(
    home: Path, tmp_path: Path
) -> None:
    point = public_web_push_key(load_or_create_secrets(tmp_path, os.urandom))  # of a browser
    body = {
        "device_id": "d1",
        "user_id": "ann",
        "channel": "web_push",
        "address": {
            "endpoint": "https://push.example/1",
            "keys": {"p256dh": point, "auth": "A" * 22},
        },
    }
    with closing(App(Settings(home=home), SystemClock(), os.urandom)) as app:
        app.operator.create_tenant(TenantId("shop"), timezone="UTC")
        app.as_owner_of(TenantId("shop")).devices.register(body)
        assert secrets_file(home).exists()


def test_those_that_browsers_subscribed_with_are_not_made_anew(home: Path) -> None:
    """Else no push reaches one of them again: each is bound to the key (RFC 8292)."""
    now = datetime(2026, 10, 1, tzinfo=UTC)
    address = {"endpoint": "https://push.example/1", "keys": {"p256dh": "key", "auth": "secret"}}
    browser = Device(DeviceId("d1"), UserId("ann"), Channel.WEB_PUSH, address)
    with closing(App(Settings(home=home), VirtualClock(now), os.urandom)) as app:
        app.operator.create_tenant(TenantId("shop"), timezone="UTC")
        _ = app.secrets
        with app.state.write(TenantId("shop")) as tx:
            devices.register(tx, browser, now=now)
    secrets_file(home).unlink()
    with closing(App(Settings(home=home), VirtualClock(now), os.urandom)) as app:
        with pytest.raises(InvalidInput, match=r"key-rotated\.md") as refused:
            _ = app.secrets
        assert refused.value.code == "secrets_unusable"
        found = {each.rule for each in app.operator.verify(progress=lambda _about: None).findings}
        assert found == {"secrets_are_whole"}
        with app.state.write(TenantId("shop")) as tx:
            devices.mark_dead(tx, browser.device_id, reason="gone", now=now)
        _ = app.secrets  # nobody is left whom it could reach


def test_those_that_signed_links_are_made_anew_by_the_runbook_alone(
    home: Path, hand_over: Callable[..., None]
) -> None:
    """Else links that are out lead nowhere, and `sendopt verify` finds secrets that are whole."""
    now = datetime(2026, 10, 1, tzinfo=UTC)
    with closing(App(Settings(home=home), VirtualClock(now), os.urandom)) as app:
        app.operator.create_tenant(TenantId("shop"), timezone="UTC")
        first = app.secrets
        hand_over(app.state, "s1", tenant_id=TenantId("shop"), at=now)
        with app.state.write_fleet() as tx:
            tx.execute(
                sa.insert(link).values(
                    tenant_id="shop",
                    link_id="l",
                    send_id="s1",
                    destination="https://shop.example",
                    created_at=now,
                )
            )
    secrets_file(home).unlink()
    with closing(App(Settings(home=home), VirtualClock(now), os.urandom)) as app:
        with pytest.raises(InvalidInput, match=r"key-rotated\.md") as refused:
            _ = app.secrets
        assert refused.value.code == "secrets_unusable"
        assert not secrets_file(home).exists()
        [typed] = re.findall(r"^ +(python -c .*)$", RUNBOOK.read_text(), re.MULTILINE)
        subprocess.run(
            [sys.executable, *shlex.split(typed)[1:]],
            env={**os.environ, "SENDOPT_HOME": str(home)},
            check=True,
        )
        assert app.secrets != first
