"""`sendopt send`: one message to one user at the command line."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from cli.test_campaign import told

from sendopt.app import open_app
from sendopt.records import TenantId
from sendopt.settings import Settings


def test_one_message_is_sent_to_one_user(home: Path) -> None:
    with closing(open_app(Settings(home=home))) as app:
        app.operator.create_tenant("default", timezone="UTC")
        now = app.clock.now()
        work = app.as_owner_of(TenantId("default"))
        work.devices.register({"user_id": "ann", "channel": "simulator", "timezone": "UTC"})
        definition = {
            "campaign_id": "reminder",
            "channel": "simulator",
            "variants": [{"variant_id": "v", "title": "t", "body": "b"}],
            "send_window": {
                "earliest_at": now.isoformat(),
                "latest_at": (now + timedelta(days=90)).isoformat(),
            },
            "quiet_hours": None,
            "audience": "triggered",
        }
        work.campaigns.put(definition, commit=True)
    tomorrow = f"{now + timedelta(days=1):%Y-%m-%d}"
    given = ("send", "reminder", "ann", "--key", "k", "--not-before", f"{tomorrow}T18:00")
    assert f"planned for {tomorrow} 18:00 UTC" in told(home, *given)
    assert "asked for before; planned" in told(home, *given)
    shown = json.loads(told(home, *given, "--json"))
    assert (shown["state"], shown["repeated"]) == ("planned", True)
    soon = told(home, "send", "reminder", "ann", "--key", "2", "--within", "4h", "--json")
    assert json.loads(soon)["state"] == "planned"
