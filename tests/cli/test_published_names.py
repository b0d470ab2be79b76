"""JSON keeps the names that programs read, whatever the code calls them."""

from __future__ import annotations

from datetime import UTC, datetime

from sendopt.cli.answers import backtest
from sendopt.cli.models import published
from sendopt.features.labels.chances import LoggedChances
from sendopt.learn import BacktestReport, OffPolicyEvaluation
from sendopt.learn.registry.promotions import PROMOTED, Promotion, RegisteredModel

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_a_version_tells_its_moves() -> None:
    promotion = Promotion(PROMOTED, "2", "1", NOW, "ops", "passed")
    model = RegisteredModel(
        "2", "ab", (), NOW, NOW, None, None, "passed", served=True, promotions=(promotion,)
    )
    told = published(model)
    (move,) = told["moves"]
    assert (move["kind"], move["number"], move["at"]) == ("promoted", "2", "2026-03-01T12:00:00Z")
    assert "promotions" not in told


def test_a_backtest_tells_what_drawn_sends_say() -> None:
    found = OffPolicyEvaluation(LoggedChances(10, 5, 3), 3, (8, 20), (), 0.0, 0.5)
    report = BacktestReport(1, NOW, "sends", "level_shape", None, off_policy=found)
    told = backtest.published(report)
    assert told["counterfactual"]["chances"] == {"sends": 10, "logged": 5, "drawn": 3}
    assert (told["counterfactual"]["hours"], told["counterfactual"]["label"]) == ([8, 20], "causal")
    assert "off_policy" not in told
    assert backtest.published(BacktestReport(1, NOW, "sends", "", None))["counterfactual"] is None
