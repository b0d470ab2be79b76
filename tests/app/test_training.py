"""A training can be repeated to the bit, whatever the log has learned since."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from sendopt.app import open_app
from sendopt.clock import VirtualClock
from sendopt.demo.studies import load_studies
from sendopt.errors import NotFound
from sendopt.records import TenantId
from sendopt.settings import Settings

TENANT = TenantId("default")
CUT = datetime(2025, 3, 12, tzinfo=UTC)


def test_the_same_snapshot_gives_the_same_model(home: Path, tmp_path: Path) -> None:
    study = next(study for study in load_studies() if study.tenant_id == "fried2021")
    before, after = tmp_path / "before.parquet", tmp_path / "after.parquet"
    known_late = pc.ends_with(study.events["user_id"], "7")
    pq.write_table(study.events.filter(pc.invert(known_late)), before)
    pq.write_table(study.events, after)
    clock = VirtualClock(datetime(2025, 3, 20, tzinfo=UTC))
    with closing(open_app(Settings(home=home), clock=clock)) as app:

        def bring_in(file: Path) -> None:
            app.as_owner_of(TENANT).events.import_files([file], progress=lambda _path, _rows: None)

        def train(snapshot: str | None = None) -> str:
            return (
                app.as_owner_of(TENANT)
                .models.train(snapshot=snapshot, as_of=CUT, progress=lambda _: None)
                .model_version
            )

        bring_in(before)
        first = train()
        bring_in(after)
        assert train() != first
        assert train(snapshot=f"model {first}") == first
        with pytest.raises(NotFound):
            train(snapshot="model of nobody")
