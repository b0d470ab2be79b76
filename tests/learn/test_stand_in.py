"""A model that is worse than a simple rule does not serve, and the best rule serves instead."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pytest
from trained import HALF_AN_HOUR

from sendopt.cli import answers
from sendopt.errors import NotFound
from sendopt.features import AsOfView, Viewpoints
from sendopt.learn import Registry, TrainingReport
from sendopt.learn.families import DEFAULT, FAMILIES, RIVALS, Family, level_shape_trees, population
from sendopt.learn.families.definition import Definition, shipped
from sendopt.learn.families.level_shape_trees.scorer import LevelShapeTrees
from sendopt.learn.fitting.fit import Fitted, fit_each, fit_to
from sendopt.learn.gate import fault_of
from sendopt.learn.past.past import Past, gather
from sendopt.learn.train import MayServe, Recipe, train
from sendopt.log import Log, event_table
from sendopt.records import Event, EventType, SendId, TenantId, UserId
from sendopt.schedule.policy import chance_of_gain
from sendopt.score import score_slots
from sendopt.score.explain import explain

BEGIN = datetime(2026, 6, 1, tzinfo=UTC)
DAYS, USERS, SENDS_A_DAY = 40, 60, 3
END = BEGIN + timedelta(days=DAYS)
SHOP = TenantId("shop")
SHIPPED = shipped(DEFAULT)
FAVOURITES = (8, 13, 20)
HOURS = (3, 8, 13, 15, 20, 23)  # to which sends are drawn


def events(*, propensity: float | None, weekend_later: int) -> Iterator[Event]:
    """Each user is there, and answers, around an hour of their own, later at weekends.

    Hours of sends are random. Rules know nothing of weekends.
    """
    rng = np.random.default_rng(5)
    for number in range(USERS):
        user = UserId(f"u{number:02}")
        for day in range(DAYS):
            midnight = BEGIN + timedelta(days=day)
            later = weekend_later if midnight.weekday() >= 5 else 0
            favourite = (FAVOURITES[number % 3] + later) % 24
            there = midnight + timedelta(hours=favourite + float(rng.normal(0.0, 0.7)))
            yield Event(f"v-{user}-{day}", user, EventType.SESSION, there)
            for each, hour in enumerate(rng.choice(HOURS, SENDS_A_DAY, replace=False).tolist()):
                send = SendId(f"{user}-{day}-{each}")
                sent = midnight + timedelta(hours=hour, minutes=float(rng.uniform(0, 59)))
                yield Event(
                    f"s-{send}", user, EventType.SEND, sent, send_id=send, propensity=propensity
                )
                away = min((hour - favourite) % 24, (favourite - hour) % 24)
                if rng.random() < (0.6 if away <= 1 else 0.1):
                    opened = sent + timedelta(minutes=float(rng.uniform(1, 20)))
                    yield Event(f"o-{send}", user, EventType.OPEN, opened, send_id=send)


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(1 / len(HOURS), id="drawn"),
        pytest.param(None, id="not logged", marks=pytest.mark.slow),
    ],
)
def shop(
    request: pytest.FixtureRequest, make_log: Callable[[], AbstractContextManager[Log]]
) -> Iterator[Log]:
    with make_log() as log:
        with log.appender() as appender:
            appender.append(
                SHOP, event_table(list(events(propensity=request.param, weekend_later=7)))
            )
        yield log


@pytest.fixture(scope="module")
def past(shop: Log) -> Iterator[Past]:
    """What models of the shop are fitted to; no family may change it."""
    with shop.reader(SHOP) as log, log.for_many_queries() as reader:
        yield gather(
            AsOfView(reader, HALF_AN_HOUR),
            until=END,
            judged=True,
            seed=7,
            threads=1,
            progress=lambda _: None,
        )


@pytest.fixture(scope="module")
def fits(past: Past) -> Callable[[str], Fitted]:
    """Fit a family as it is shipped to the past, once."""
    return cache(lambda name: fit_to(past, shipped(FAMILIES[name])))


@pytest.fixture
def steady(empty_log: Log) -> Log:
    """Users whose weekends are like their other days."""
    with empty_log.appender() as appender:
        appender.append(SHOP, event_table(list(events(propensity=None, weekend_later=0))))
    return empty_log


def run(
    log: Log,
    registry: Registry,
    *,
    as_of: datetime = END,
    definition: Definition = SHIPPED,
    may_serve: MayServe = MayServe.FOR_THE_SAME_OUTCOME,
) -> TrainingReport:
    with log.reader(SHOP) as reader:
        return train(
            reader,
            registry,
            SHOP,
            Recipe(
                definition,
                as_of=as_of,
                open_window=timedelta(minutes=30),
                outcome=EventType.OPEN,
                seed=7,
                threads=1,
            ),
            now=as_of,
            longest_age=timedelta(days=90),
            may_serve=may_serve,
            progress=lambda _: None,
        )


def turned_over(past: Past, settings: Any) -> tuple[LevelShapeTrees, Any]:
    """Fit the level-shape model, and let it prefer what it should avoid."""
    scorer, rows = level_shape_trees.fit(past, settings)
    weights = replace(scorer.weights, shape=-scorer.weights.shape)
    return replace(scorer, weights=weights, booster=None, trees_rank=False), rows


#: The default family, made worse on purpose.
SPOILT = replace(
    SHIPPED,
    family=cast(
        "Family",
        SimpleNamespace(
            NAME=level_shape_trees.NAME,
            Settings=level_shape_trees.Settings,
            fit=turned_over,
            read=level_shape_trees.read,
        ),
    ),
)


@pytest.fixture(scope="module")
def reversed_hours(
    shop: Log,
    make_registry: Callable[[Path], Registry],
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[TrainingReport, Registry]:
    """What the training of a model came to that prefers what it should avoid."""
    registry = make_registry(tmp_path_factory.mktemp("reversed"))
    return run(shop, registry, definition=SPOILT), registry


def test_a_good_model_serves(shop: Log, registry: Registry) -> None:
    report = run(shop, registry)
    assert report.promoted, report.reason
    assert report.stand_in is None
    assert registry.champion(SHOP).family == DEFAULT.NAME


def test_a_model_with_its_hours_reversed_gives_way_to_the_best_rule(
    reversed_hours: tuple[TrainingReport, Registry],
) -> None:
    report, registry = reversed_hours
    assert not report.promoted
    assert "choice" in report.gate.refused_by
    rule = report.stand_in
    assert rule is not None
    assert rule.promoted, rule.reason
    assert rule.family in {"most_frequent", "empirical_bayes"}
    assert f"stands in for model {report.model_version}" in rule.reason
    champion = registry.champion(SHOP)
    assert (champion.family, champion.version) == (rule.family, rule.model_version)
    (kept,) = (model for model in registry.models(SHOP) if model.number == rule.registered_as)
    assert kept.promotions[-1].reason == rule.reason
    assert rule.reason.split(".")[0] in registry.card(SHOP)


def test_training_prints_which_rule_serves_and_for_which_model(
    reversed_hours: tuple[TrainingReport, Registry], capsys: pytest.CaptureFixture[str]
) -> None:
    report, _ = reversed_hours
    rule = report.stand_in
    assert rule is not None
    answers.training.show(report)
    told = capsys.readouterr().out
    assert f"Model {report.model_version}: not promoted" in told
    assert f"Rule {rule.family} ({rule.model_version}) serves: The simple rule" in told
    assert f"stands in for model {report.model_version}" in told


@pytest.mark.slow
def test_a_rule_that_serves_is_brought_up_to_date(steady: Log, registry: Registry) -> None:
    before = run(steady, registry, as_of=END - timedelta(days=7), definition=SPOILT)
    assert_nothing_causal_is_known(before)  # times are drawn, and no chances are logged
    first = before.stand_in
    second = run(steady, registry, definition=SPOILT).stand_in
    assert first is not None
    assert second is not None
    assert second.promoted, second.reason
    assert second.model_version != first.model_version
    assert registry.champion(SHOP).version == second.model_version


@pytest.mark.slow
def test_a_challenger_is_judged_and_the_champion_stays(steady: Log, registry: Registry) -> None:
    champion = run(steady, registry, as_of=END - timedelta(days=7))
    assert champion.promoted or champion.stand_in is not None
    serving = registry.champion(SHOP).version
    report = run(steady, registry, definition=shipped(FAMILIES["logistic"]), may_serve=MayServe.NO)
    assert not report.promoted
    assert report.stand_in is None
    assert registry.champion(SHOP).version == serving
    card = registry.card(SHOP, report.model_version)
    assert "Not promoted" in card
    assert "- Family logistic." in card
    with pytest.raises(NotFound):
        registry.card(SHOP, "nobody")


def test_causal_evidence_is_read_where_there_is_any(
    reversed_hours: tuple[TrainingReport, Registry], request: pytest.FixtureRequest
) -> None:
    report, _ = reversed_hours
    if "drawn" in request.node.name:
        (found,) = (check for check in report.gate.checks if check.name == "off_policy")
        assert found.failed
        assert "whose times were randomised" in found.said
    else:
        assert_nothing_causal_is_known(report)


def assert_nothing_causal_is_known(report: TrainingReport) -> None:
    (found,) = (check for check in report.gate.checks if check.name == "off_policy")
    assert not found.judged
    assert found in report.gate.not_judged
    assert "nothing causal is known" in found.said


def test_a_rule_that_is_off_on_the_days_it_learned_from_is_no_rival(past: Past) -> None:
    for learned in fit_each(past, map(shipped, RIVALS)):
        assert fault_of(learned) is None
        off = replace(learned, model=replace(learned.model, calibration=(-3.0, 1.0)))
        assert "on the days that it learned from" in str(fault_of(off))


def test_calibration_does_not_hide_a_rule_that_was_fitted_wrong(past: Past) -> None:
    """Calibration makes the mean of the rows it sees right, whatever the family fitted."""

    def too_much(past: Past, settings: Any) -> tuple[population.PopulationRule, Any]:
        rule, _ = population.fit(past, settings)
        rule = replace(rule, hours=replace(rule.hours, logits=rule.hours.logits + 2.0))
        return rule, rule.inputs(past.view, past.viewpoints, past.moments)

    wrong = SimpleNamespace(NAME="population", Settings=population.Settings, fit=too_much)
    learned = fit_to(past, Definition(cast("Family", wrong), shipped(population).settings))
    tune = past.labelled.rows(past.tune)
    said = learned.model.predict(learned.rows)[past.tune]
    assert said.mean() == pytest.approx(tune.label.mean(), abs=0.02)
    assert str(fault_of(learned)).startswith("before calibration says")


@pytest.mark.slow
def test_what_a_family_learns_does_not_depend_on_which_were_fitted_before(
    past: Past, fits: Callable[[str], Fitted]
) -> None:
    first, again = fits(DEFAULT.NAME), fit_to(past, SHIPPED)
    assert (first.model.predict(first.rows) == again.model.predict(again.rows)).all()
    one, other = (past.rng_for(name).random() for name in ("one", "other"))
    assert one == past.rng_for("one").random() != other


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_scores_weeks_as_moments_and_explains_itself(
    past: Past, fits: Callable[[str], Fitted], name: str
) -> None:
    model, view = fits(name).model, past.view
    users = [f"u{number:02}" for number in range(40)] + ["stranger"]
    week = score_slots(model, view, as_of=END, user_ids=users)["open_probability"].to_numpy()
    seen = Viewpoints(pa.array(users), pa.array([END] * len(users), pa.timestamp("us", "UTC")))
    inputs = model.inputs(view, seen, view.hours_of_week(seen))
    np.testing.assert_allclose(week, model.predict(inputs), rtol=1e-4)
    told = explain(
        model,
        view,
        UserId("u01"),
        as_of=END,
        configured_hour=18,
        chance_of_gain=chance_of_gain,
    )
    parts = sum(told.parts.values())
    assert 1.0 / (1.0 + np.exp(-parts)) == pytest.approx(told.best.open_probability, rel=1e-6)
    assert (model.logit_sd(inputs) >= 0.0).all()
    if name != "population":
        best = week.reshape(len(users), 7, 24).mean(axis=1).argmax(axis=1)[:40]
        favourite = np.array([FAVOURITES[number % 3] for number in range(40)])
        assert (np.abs(best - favourite) <= 1).mean() > 0.8
