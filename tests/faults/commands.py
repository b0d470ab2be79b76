"""Commands as operators type them: the exit status is the promise."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from faults.ack_log import Exchange
from faults.history import USERS, History
from service.processes import campaign

#: More than fit into the log's catalog: they become a data file of their own.
ROWS = 1_200


def ingest(now: History) -> Exchange:
    """Import a file of events."""
    number = len(now.acks.exchanges)
    event = {"event_type": "session", "occurred_at": datetime.now(UTC).isoformat()}
    ids = tuple(f"file-{number}-{row}" for row in range(ROWS))
    body = [
        event | {"event_id": event_id, "user_id": USERS[row % len(USERS)]}
        for row, event_id in enumerate(ids)
    ]
    return run(now, Exchange("file", ids, body, begun_at=now.acks.progress()))


def plan(now: History) -> Exchange:
    """Commit a campaign, due when somebody dispatches."""
    name = f"plan-{len(now.acks.exchanges)}"
    due_at = datetime.now(UTC) + timedelta(seconds=5)
    body = campaign(name, dict.fromkeys(USERS, due_at)) | {"channel": "webhook"}
    return run(now, Exchange("campaign", (name,), body, begun_at=now.acks.progress()))


def run(now: History, asked: Exchange) -> Exchange:
    """Run the command that asks for this, also once more; return it with its answer."""
    file = now.deployment.home.with_suffix(f".{asked.ids[0]}.jsonl")
    if asked.kind == "file":
        file.write_text("".join(f"{json.dumps(event)}\n" for event in asked.body))
        status = now.deployment.run("ingest", str(file))
    else:
        file.write_text(json.dumps(asked.body))
        status = now.deployment.run("plan", str(file), "--commit")
    file.unlink()
    if status == 0:
        asked = replace(asked, answered_at=now.acks.progress())
    now.acks.add(asked)
    return asked
