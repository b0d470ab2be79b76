"""Who serves, who did, and the way back: recorded, per tenant, seen by the next request."""

from __future__ import annotations

import gc
import re
import sqlite3
import weakref
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlflow.utils.validation import MAX_ENTITY_KEY_LENGTH, _validate_metric_name  # noqa: PLC2701
from untrained import untrained

from sendopt.errors import (
    Conflict,
    InvalidInput,
    ModelNotServable,
    NotFound,
    SolverFailed,
    StoreFailure,
)
from sendopt.learn import Registry, ServableModel
from sendopt.learn.families import DEFAULT
from sendopt.learn.families.definition import parse, shipped
from sendopt.learn.registry.metric_name import metric_name
from sendopt.learn.registry.promotions import (
    PROMOTED,
    ROLLED_BACK,
    Promotion,
    last_good,
    read_promotions,
    tag,
)
from sendopt.learn.registry.serving import Limits, ask
from sendopt.records import FallbackReason, ServedBy, TenantId

SHOP, OTHER = TenantId("shop"), TenantId("other")
NOW = datetime(2026, 10, 1, 9, tzinfo=UTC)
LIMITS = Limits(timedelta(days=90), timedelta(seconds=60), 1000.0)


def serve(registry: Registry, seed: int, *, tenant: TenantId = SHOP) -> str:
    recorded = registry.record(tenant, untrained(seed=seed), params={}, tags={})
    registry.finish(tenant, recorded, metrics={}, tags={}, gate="passed")
    registry.promote(tenant, recorded.number, by="training", reason="better", now=NOW)
    return recorded.number


def serving(registry: Registry) -> int:
    return registry.champion(SHOP).provenance.seed


def test_going_back_is_seen_at_once_by_a_process_that_runs(
    registry: Registry, tmp_path: Path
) -> None:
    elsewhere = Registry(f"sqlite:///{tmp_path}/registry.db", str(tmp_path / "models"))
    for seed in (1, 2, 3):
        serve(registry, seed)
        assert serving(elsewhere) == seed
    assert elsewhere.last_good(SHOP).provenance.seed == 2
    gone_back = registry.roll_back(SHOP, to=None, by="anna", reason="opens fell", now=NOW)
    assert serving(elsewhere) == 2
    assert elsewhere.last_good(SHOP).provenance.seed == 1
    (first, again) = gone_back.promotions
    assert (first.kind, again.kind) == (PROMOTED, ROLLED_BACK)
    assert (again.by, again.reason, again.at, again.before) == ("anna", "opens fell", NOW, "3")
    registry.roll_back(SHOP, to=None, by="anna", reason="still", now=NOW)
    assert serving(elsewhere) == 1
    with pytest.raises(Conflict) as refused:
        registry.roll_back(SHOP, to=None, by="anna", reason="further", now=NOW)
    assert refused.value.code == "no_last_good"
    with pytest.raises(ModelNotServable, match="no model served before"):
        registry.last_good(SHOP)


def test_only_what_served_may_serve_again(registry: Registry) -> None:
    with pytest.raises(Conflict, match="no champion"):
        registry.roll_back(SHOP, to=None, by="anna", reason="?", now=NOW)
    first, second = serve(registry, 1), serve(registry, 2)
    refused = registry.record(SHOP, untrained(seed=3), params={}, tags={})
    registry.finish(SHOP, refused, metrics={}, tags={}, gate="latency, card")

    def back_to(to: str) -> str:
        with pytest.raises((Conflict, NotFound)) as failure:
            registry.roll_back(SHOP, to=to, by="anna", reason="?", now=NOW)
        return failure.value.code

    assert back_to(refused.number) == back_to(refused.model.version) == "never_champion"
    assert back_to("77") == "model_unknown"
    assert back_to(second) == "already_champion"
    listed = registry.models(SHOP)
    assert [each.number for each in listed] == [refused.number, second, first]
    assert [each.gate for each in listed] == ["latency, card", "passed", "passed"]
    assert [each.aliases for each in listed] == [("challenger",), ("champion",), ("last_good",)]
    assert [len(each.promotions) for each in listed] == [0, 1, 1]
    version = listed[-1].version
    assert registry.roll_back(SHOP, to=version, by="anna", reason="?", now=NOW).number == first


def test_a_damaged_model_is_not_gone_back_to(registry: Registry, tmp_path: Path) -> None:
    serve(registry, 1)
    for file in (tmp_path / "models").rglob("model.json"):
        file.write_text(file.read_text().replace('"seed": 1', '"seed": 9'))
    serve(registry, 2)
    elsewhere = Registry(f"sqlite:///{tmp_path}/registry.db", str(tmp_path / "models"))
    with pytest.raises(ModelNotServable, match="changed") as refused:
        elsewhere.roll_back(SHOP, to=None, by="anna", reason="?", now=NOW)
    assert refused.value.code == "model_damaged"
    assert serving(elsewhere) == 2


def test_tenants_move_alone(registry: Registry) -> None:
    serve(registry, 1)
    serve(registry, 2)
    serve(registry, 5, tenant=OTHER)
    with pytest.raises(Conflict):
        registry.roll_back(OTHER, to="1", by="anna", reason="?", now=NOW)
    assert serving(registry) == 2
    assert len(registry.models(OTHER)) == 1
    assert registry.last_good(SHOP).provenance.seed == 1
    assert registry.champion(OTHER).provenance.seed == 5, "number 1, as SHOP's last good one"


def test_a_running_process_outlives_its_registry(registry: Registry, tmp_path: Path) -> None:
    serve(registry, 1)
    serve(registry, 2)
    assert serving(registry) == 2
    break_off(tmp_path / "registry.db")
    with pytest.raises(ModelNotServable) as refused:
        registry.champion(SHOP)
    assert refused.value.code == "registry_unavailable"
    assert said(registry) == (ServedBy.LAST_GOOD, "registry_unavailable", 2)
    with pytest.raises(ModelNotServable, match="has loaded no model"):
        registry.last_served(OTHER)
    stranger = Registry(f"sqlite:///{tmp_path}/registry.db", str(tmp_path / "models"))
    assert said(stranger) == (None, "registry_unavailable", None)


def break_off(registry: Path) -> None:
    """Take away where the registry keeps its aliases."""
    with closing(sqlite3.connect(registry)) as db, db:
        db.execute("DROP TABLE registered_model_aliases")


def test_a_silent_registry_is_named_by_whatever_asks_it(registry: Registry, tmp_path: Path) -> None:
    serve(registry, 1)
    recorded = registry.record(SHOP, untrained(seed=2), params={}, tags={})
    break_off(tmp_path / "registry.db")
    told = {"by": "anna", "reason": "?", "now": NOW}
    for ask_for in (
        lambda: registry.models(SHOP),
        lambda: registry.card(SHOP),
        lambda: registry.promote(SHOP, recorded.number, **told),
        lambda: registry.roll_back(SHOP, to=None, **told),
        lambda: registry.record(SHOP, untrained(seed=3), params={}, tags={}),
    ):
        with pytest.raises(ModelNotServable) as refused:
            ask_for()
        assert refused.value.code == "registry_unavailable"


def test_a_long_life_does_not_gather_every_model_that_ever_served(registry: Registry) -> None:
    serve(registry, 0)
    first = weakref.ref(registry.champion(SHOP))
    for seed in range(1, 5):
        serve(registry, seed)
        assert serving(registry) == seed
        assert registry.last_good(SHOP).provenance.seed == seed - 1
    gc.collect()
    assert first() is None


def said(registry: Registry) -> tuple[ServedBy | None, str | None, int | None]:
    """Who answers, why not the champion, and which model it is."""

    def score(model: ServableModel) -> pa.Table:
        return pa.table({"open_probability": [0.2, 0.3]})

    answer = ask(registry, SHOP, score, rows=2, limits=LIMITS, now=NOW)
    return answer.step, answer.reason, answer.model and answer.model.provenance.seed


def test_what_the_registry_refuses_is_told_as_refused(registry: Registry) -> None:
    number = serve(registry, 1)
    too_long = "x" * 100_001
    with pytest.raises(ModelNotServable, match="refuses a value") as refused:
        registry.promote(SHOP, number, by="anna", reason=too_long, now=NOW)
    assert refused.value.code == "registry_refused"
    assert "100000" in refused.value.message, "the limit that MLflow named"


def test_a_card_that_was_changed_is_refused_and_one_without_a_hash_is_read(
    registry: Registry, tmp_path: Path
) -> None:
    recorded = registry.record(SHOP, untrained(seed=1), params={}, tags={})
    registry.set_card(SHOP, recorded, "# Model card\r\n\nLog loss 0.5060.\n")
    assert registry.card(SHOP, recorded.number) == "# Model card\r\n\nLog loss 0.5060.\n"
    (file,) = (tmp_path / "models").rglob("card.md")
    file.write_bytes(file.read_bytes().replace(b"0.5060", b"0.4060"))
    with pytest.raises(ModelNotServable, match="card of model 1 was changed") as refused:
        registry.card(SHOP, recorded.number)
    assert refused.value.code == "model_damaged"
    with closing(sqlite3.connect(tmp_path / "registry.db")) as db, db:
        db.execute("DELETE FROM model_version_tags WHERE key = 'sendopt.card_sha256'")
    assert "0.4060" in registry.card(SHOP, recorded.number)


@given(st.sets(st.text(st.characters(exclude_categories=["Cs"]), max_size=600), min_size=2))
def test_any_figures_get_names_of_their_own_that_mlflow_accepts(names: set[str]) -> None:
    called = {metric_name(name) for name in names}
    assert {metric_name(name) for name in names | called} >= called
    assert len({metric_name(name) for name in names | called}) == len(names | called)
    for name in called:
        assert len(name) <= MAX_ENTITY_KEY_LENGTH
        _validate_metric_name(name)


def test_a_name_that_mlflow_accepts_is_kept() -> None:
    for name in (
        "gate.slice_platform_or_zone.zone Europe/Berlin.log loss_gain",
        "gate.slice_platform_or_zone.platform 日本.choice_gain",
    ):
        assert metric_name(name) == name


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), 0.0, 1.0, -0.1, None])
def test_what_is_no_probability_is_no_answer(registry: Registry, wrong: float | None) -> None:
    serve(registry, 1)
    serve(registry, 2)

    def score(model: ServableModel) -> pa.Table:
        said = wrong if model.provenance.seed == 2 else 0.3
        return pa.table({"open_probability": pa.array([0.2, said], pa.float64())})

    answer = ask(registry, SHOP, score, rows=2, limits=LIMITS, now=NOW)
    assert (answer.step, answer.reason) == (ServedBy.LAST_GOOD, "model_output_invalid")


@pytest.mark.parametrize("sd", [float("nan"), float("inf")])
def test_a_standard_deviation_that_is_no_number_is_no_answer(registry: Registry, sd: float) -> None:
    serve(registry, 1)
    serve(registry, 2)

    def score(model: ServableModel) -> pa.Table:
        said = sd if model.provenance.seed == 2 else 0.3
        return pa.table({"open_probability": [0.2, 0.3], "logit_sd": [0.1, said]})

    answer = ask(registry, SHOP, score, rows=2, limits=LIMITS, now=NOW)
    assert (answer.step, answer.reason) == (ServedBy.LAST_GOOD, "model_output_invalid")


@pytest.mark.parametrize("said", [[], [0.2], [0.2, 0.3, 0.4]])
def test_as_many_answers_as_questions(registry: Registry, said: list[float]) -> None:
    serve(registry, 1)
    serve(registry, 2)

    def score(model: ServableModel) -> pa.Table:
        told = said if model.provenance.seed == 2 else [0.2, 0.3]
        return pa.table({"open_probability": pa.array(told, pa.float64())})

    answer = ask(registry, SHOP, score, rows=2, limits=LIMITS, now=NOW)
    assert (answer.step, answer.reason) == (ServedBy.LAST_GOOD, "model_output_invalid")


def test_more_rows_may_take_longer() -> None:
    limits = Limits(timedelta(days=90), patience=timedelta(seconds=2), rows_per_second=1000.0)
    assert limits.time_for(0) == timedelta(seconds=2)
    assert limits.time_for(30_000) == timedelta(seconds=32)


def test_a_log_that_fails_is_not_the_models_fault(registry: Registry) -> None:
    serve(registry, 1)

    def score(model: ServableModel) -> pa.Table:
        raise StoreFailure("the disk is gone", statement="recency")

    with pytest.raises(StoreFailure):
        ask(registry, SHOP, score, rows=2, limits=LIMITS, now=NOW)


@pytest.mark.parametrize(
    "raised",
    [
        SolverFailed("no likeliest curve"),
        ModelNotServable("a word of its own", code="tides_unknown"),
        InvalidInput("it learned other answers", code="wrong_target"),
        ValueError("shapes differ"),
    ],
)
def test_whatever_a_model_breaks_at_lets_the_last_good_one_answer(
    registry: Registry, raised: Exception
) -> None:
    serve(registry, 1)
    serve(registry, 2)

    def score(model: ServableModel) -> pa.Table:
        if model.provenance.seed == 2:
            raise raised
        return pa.table({"open_probability": [0.2, 0.3]})

    answer = ask(registry, SHOP, score, rows=2, limits=LIMITS, now=NOW)
    assert (answer.step, answer.reason) == (ServedBy.LAST_GOOD, "model_failed")
    assert str(raised) in answer.skipped[0].detail


def test_the_documents_name_every_reason_for_a_fallback() -> None:
    page = (Path(__file__).parents[2] / "docs" / "models.md").read_text("utf-8")
    table = page.split("| `fallback_reason` |", 1)[1].split("\n\n", 1)[0]
    first = [line.split("|")[1] for line in table.splitlines()[2:]]
    assert sorted(re.findall(r"`(\w+)`", " ".join(first))) == sorted(FallbackReason)


def test_what_the_asker_did_wrong_is_not_the_models_fault(registry: Registry) -> None:
    serve(registry, 1)

    def score(model: ServableModel) -> pa.Table:
        raise InvalidInput("is empty in row 3", code="missing_field", field="user_id")

    with pytest.raises(InvalidInput, match="row 3"):
        ask(registry, SHOP, score, rows=2, limits=LIMITS, now=NOW)


promotions = st.lists(
    st.tuples(st.sampled_from([PROMOTED, ROLLED_BACK]), st.sampled_from("12345")), min_size=1
)


@given(promotions)
def test_the_last_good_model_served_and_is_not_the_champion(history: list[tuple[str, str]]) -> None:
    told = [Promotion(kind, number, None, NOW, "ops", "why") for kind, number in history]
    good = last_good(told)
    assert good != told[-1].number
    assert good is None or good in {each.number for each in told}


@given(promotions)
def test_moves_survive_their_tags(history: list[tuple[str, str]]) -> None:
    told = tuple(Promotion(kind, number, "0", NOW, "ops", "why") for kind, number in history)
    assert read_promotions(dict(tag(each, place) for place, each in enumerate(told))) == told


def test_two_wrong_turns_do_not_make_a_good_one() -> None:
    """Promoted 1, 2, 3; gone back to 2; promoted 4: what failed is not gone back to."""
    told = [
        Promotion(kind, number, None, NOW, "ops", "")
        for kind, number in [
            (PROMOTED, "1"),
            (PROMOTED, "2"),
            (PROMOTED, "3"),
            (ROLLED_BACK, "2"),
            (PROMOTED, "4"),
        ]
    ]
    assert last_good(told) == "2"
    assert last_good([replace(told[-1], before="3")]) == "3", (
        "of a release that wrote no promotions"
    )


def test_a_run_is_called_by_family_number_version_and_what_was_set(
    registry: Registry, tmp_path: Path
) -> None:
    from mlflow import MlflowClient

    mine = parse('family = "level_shape_trees"\n[shape]\ndeviation_sd = 0.4', called="mine.toml")
    runs = MlflowClient(f"sqlite:///{tmp_path}/registry.db")
    for number, set_otherwise in (("1", ""), ("2", " shape.deviation_sd=0.4")):
        model = untrained(seed=3)
        defined = mine if set_otherwise else shipped(DEFAULT)
        model = replace(model, provenance=replace(model.provenance, defined=defined.document()))
        recorded = registry.record(SHOP, model, params={}, tags={})
        name = runs.get_run(recorded.run_id).info.run_name
        version = recorded.model.version
        assert name == f"level_shape_trees v{number} {version}{set_otherwise}"
