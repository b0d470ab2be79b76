"""Training: repeatable, judged on unseen days, promoted only if better, refused if changed."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from untrained import noise, untrained

from sendopt.errors import InvalidInput, ModelNotServable
from sendopt.features import USER_FEATURES, AsOfView
from sendopt.learn import Registry, TrainingReport, score_decisions
from sendopt.learn.families import DEFAULT, artifact
from sendopt.learn.families.definition import shipped
from sendopt.learn.judging.judge import CHAMPION
from sendopt.learn.train import Recipe, train
from sendopt.log import Log
from sendopt.records import EventType, TenantId

AS_OF = datetime(2025, 3, 16, tzinfo=UTC)
ALL = TenantId("all")
STUDY = TenantId("fried2021")


def run(
    log: Log,
    registry: Registry,
    *,
    tenant: TenantId = STUDY,
    as_of: datetime = AS_OF,
    now: datetime | None = None,
    snapshot: int | None = None,
) -> TrainingReport:
    with log.reader(tenant, snapshot=snapshot) as reader:
        return train(
            reader,
            registry,
            tenant,
            Recipe(
                shipped(DEFAULT),
                as_of=as_of,
                open_window=timedelta(minutes=30),
                outcome=EventType.OPEN,
                seed=7,
                threads=1,
            ),
            now=now or as_of,
            longest_age=timedelta(days=90),
            progress=lambda _: None,
        )


def some_decisions(as_of: datetime) -> pa.Table:
    users = ["fried2021-3", "westhoff2024-9", "dejonckheere2019-40", "a stranger"]
    rows = [
        {"decision_id": user, "user_id": user, "as_of": as_of, "candidate_at": at}
        for user in users
        for at in (as_of + timedelta(hours=hour) for hour in range(24))
    ]
    return pa.Table.from_pylist(rows)


def test_the_first_good_model_serves_and_a_copy_does_not_replace_it(
    studies: Log, registry: Registry, tmp_path: Path
) -> None:
    first = run(studies, registry)
    assert first.promoted, first.reason
    assert first.verdict.log_loss_gain["population"].low > 0
    champion = registry.champion(STUDY)
    assert champion.version == first.model_version
    assert champion.provenance.log_snapshot == first.log_snapshot
    assert registry.card(STUDY) == first.card

    second = run(studies, registry, snapshot=first.log_snapshot)
    assert second.model_version == first.model_version, "the same snapshot gives the same bytes"
    assert second.gate.refused_by == ("succession",)
    assert abs(second.verdict.log_loss_gain[CHAMPION].estimate) < 1e-9
    assert registry.champion(STUDY).version == first.model_version
    provenance = registry.champion(STUDY).provenance
    assert registry.models(STUDY)[0].learned_until == provenance.learned_until < AS_OF
    assert provenance.learned_until.isoformat() in first.card

    much_later = AS_OF + timedelta(days=91)
    third = run(studies, registry, snapshot=first.log_snapshot, now=much_later)
    assert CHAMPION not in third.verdict.log_loss_gain, "too old to serve, so nothing is held to it"
    assert third.promoted

    elsewhere = Registry(f"sqlite:///{tmp_path}/registry.db", str(tmp_path / "models"))
    reloaded = elsewhere.champion(STUDY)
    with studies.reader(STUDY) as reader:
        view = AsOfView(reader, champion.target)
        decisions = some_decisions(AS_OF)
        np.testing.assert_array_equal(
            score_decisions(reloaded, view, decisions).probability,
            score_decisions(champion, view, decisions).probability,
        )
    with pytest.raises(ModelNotServable, match="no champion"):
        registry.champion(TenantId("westhoff2024"))


def test_a_changed_artifact_is_refused(tmp_path: Path) -> None:
    model = artifact.write(untrained(booster=noise(USER_FEATURES)), tmp_path / "model")
    files = sorted((tmp_path / "model").iterdir())
    assert len(files) == 2
    for file in files:
        content = file.read_text()
        file.write_text(content.replace("0.", "1.", 1))
        with pytest.raises(ModelNotServable, match="were changed"):
            artifact.read(tmp_path / "model", version=model.version, threads=1)
        file.write_text(content)
    assert artifact.read(tmp_path / "model", version=model.version, threads=1)


@pytest.mark.slow
def test_any_platform_can_be_judged_and_written_down(
    odd_platforms: Log, registry: Registry, platforms: tuple[str, ...]
) -> None:
    report = run(odd_platforms, registry, tenant=ALL)
    (check,) = (each for each in report.gate.checks if each.name == "slice_platform_or_zone")
    named = {
        name
        for name in platforms
        for figure in check.figures
        if figure.startswith(f"platform {name}.")
    }
    assert len(named) == 4, "as many platforms as are judged by themselves"
    gates = {model.version: model.gate for model in registry.models(ALL)}
    assert gates[report.model_version] == report.gate.summary


@pytest.mark.parametrize(
    ("days", "helps"),
    [(-1, "give a later `--as-of`"), (1, "3 more days of events are missing")],
)
def test_too_little_history_is_said_with_what_helps(
    studies: Log, registry: Registry, days: int, helps: str
) -> None:
    begin = datetime(2025, 3, 3, tzinfo=UTC)
    with pytest.raises(InvalidInput, match="too little history") as refused:
        run(studies, registry, as_of=begin + timedelta(days=days))
    assert refused.value.code == "too_little_history"
    assert helps in str(refused.value.hint)


def test_where_nobody_can_say_who_serves_nothing_is_registered(
    studies: Log, registry: Registry, tmp_path: Path
) -> None:
    """Else a model could take over that was never held to the champion."""
    with closing(sqlite3.connect(tmp_path / "registry.db")) as db, db:
        db.execute("DROP TABLE registered_model_aliases")
        with pytest.raises(ModelNotServable) as refused:
            run(studies, registry)
        assert refused.value.code == "registry_unavailable"
        assert db.execute("SELECT count(*) FROM model_versions").fetchone() == (0,)


def test_where_nothing_was_sent_activity_stands_in_and_the_planted_hours_are_found(
    habits: Log, registry: Registry
) -> None:
    shop = TenantId("shop")
    as_of = datetime(2026, 8, 24, tzinfo=UTC)
    report = run(habits, registry, tenant=shop, as_of=as_of)
    assert report.label_source == "activity"
    assert "stood in for an answer" in report.card
    assert report.promoted, report.reason
    gain = report.verdict.gain["population"]
    assert gain.low > 0, "everybody's best hour is nobody's"

    rows = [
        {
            "decision_id": f"u-{hour}-{number}",
            "user_id": f"u-{hour}-{number}",
            "as_of": as_of,
            "candidate_at": as_of + timedelta(hours=candidate),
        }
        for number, hour in [(0, 8), (1, 12), (2, 20), (33, 8), (34, 12), (35, 20)]
        for candidate in range(24)
    ]
    with habits.reader(shop) as reader:
        champion = registry.champion(shop)
        view = AsOfView(reader, champion.target)
        scores = score_decisions(champion, view, pa.Table.from_pylist(rows)).probability
    best = (scores.reshape(-1, 24).argmax(axis=1) + 9) % 24  # Tokyo is nine hours ahead
    planted = np.array([8, 12, 20, 8, 12, 20])
    assert (np.abs(best - planted) <= 1).all(), best
