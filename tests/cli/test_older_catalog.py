"""Yesterday's catalog beside today's data: what is missing is told, and imported again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from sendopt.disk import database_files

Ended = Callable[..., tuple[int, str, str]]


@pytest.mark.slow
def test_verify_tells_of_the_import_that_an_older_catalog_has_forgotten(
    ended: Ended, home: Path, tmp_path: Path
) -> None:
    rows = (f"e{number},ann,session,2026-03-01T09:00:00Z" for number in range(1_200))
    events = tmp_path / "events.csv"
    events.write_text("\n".join(("event_id,user_id,event_type,occurred_at", *rows)))
    catalog = home / "log" / "catalog.sqlite"
    older = shutil.copyfile(catalog, tmp_path / "older")
    assert ended("ingest", str(events))[0] == 0
    assert ended("verify")[0] == 0
    for file in database_files(catalog):
        file.unlink(missing_ok=True)
    shutil.copyfile(older, catalog)
    status, out, err = ended("verify")
    assert status == 0, err  # an import that was broken off and not repeated looks the same
    assert "Not in the log: 1,200 events of default in main/event/" in out
    assert "corrupt-file.md" in out
    (told,) = json.loads(ended("verify", "--json")[1])["unnamed_files"]
    assert (told["tenant_id"], told["missing"]) == ("default", 1_200)
    assert ended("ingest", str(events))[0] == 0
    assert "Not in the log" not in ended("verify")[1]
