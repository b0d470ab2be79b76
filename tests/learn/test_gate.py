"""The gate: good challengers pass, and each bad one is refused by the name of what is wrong.

Every challenger here is a real model: trained on the shipped studies, then spoilt in its weights,
its trees, its files or its training, and judged on the studies' last days.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from math import inf, nan
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import pytest
from numpy.typing import NDArray
from trained import trained
from untrained import rebuilt, scorer_of

from sendopt.evaluate.metrics import Gain
from sendopt.features import MOMENT_FEATURES, USER_FEATURES, Target, viewpoints
from sendopt.features.recording import Recording
from sendopt.learn import weak_spots
from sendopt.learn.card import model_card, with_gate
from sendopt.learn.families import RIVALS, artifact
from sendopt.learn.families.definition import shipped
from sendopt.learn.fitting.fit import Fitted, fit_to
from sendopt.learn.gate import (
    MAY_GO_UNJUDGED,
    Check,
    GateReport,
    GateTrial,
    Incumbent,
    Outcome,
    examine,
    honesty,
    slices,
    soundness,
    worth,
)
from sendopt.learn.gate.prepare import put_on_trial
from sendopt.learn.gate.slices import SLICES
from sendopt.learn.gate.soundness import askers
from sendopt.learn.gate.succession import succession
from sendopt.learn.judging.judge import CHAMPION, judge
from sendopt.learn.judging.predictions import OURS
from sendopt.learn.model.model import ServableModel
from sendopt.learn.past.groups import user_numbers
from sendopt.log import Log, Reader
from sendopt.records import TenantId

AS_OF = datetime(2025, 3, 16, tzinfo=UTC)
TARGET = Target(timedelta(minutes=30))
HASTY = Target(timedelta(minutes=5))
SEED = 7

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Court:
    """One training on real logs, and the way from any model of it to a verdict."""

    reader: Reader
    fitted: Fitted
    rules: dict[str, Fitted]
    folder: Path

    @property
    def good(self) -> ServableModel:
        return self.fitted.model

    @property
    def spoilt(self) -> ServableModel:
        """A champion that the good model beats: it says a little too much."""
        return replace(self.good, calibration=(0.4, 1.0))

    def former(self, model: ServableModel, *, definition: str | None = None) -> ServableModel:
        """The model as if it had learned until a week earlier, perhaps by another definition."""
        made = model.provenance
        made = replace(made, learned_until=made.learned_until - timedelta(days=7))
        return replace(model, provenance=replace(made, definition=definition or made.definition))

    def judge(self, model: ServableModel, **circumstances: Any) -> GateReport:
        return examine(self.trial(model, **circumstances))

    def trial(
        self,
        model: ServableModel,
        *,
        fitted: Fitted | None = None,
        champion: ServableModel | None = None,
        target: Target = TARGET,
        retrained: ServableModel | None = None,
        in_storage: Callable[[Path], None] = lambda _: None,
    ) -> GateTrial:
        fitted = fitted or self.fitted
        place = self.folder / str(len(list(self.folder.iterdir())))
        written = artifact.write(model, place)
        in_storage(place)
        trial = put_on_trial(
            fitted,
            written,
            target,
            rules=self.rules if fitted.past is self.fitted.past else rules_of(fitted),
            incumbent=Incumbent(champion),
            read_back=partial(artifact.read, place, version=written.version, threads=1),
            retrain=lambda: retrained or model,
        )
        if trial.verdict is not None:
            card = model_card(fitted, trial, trial.verdict, version=written.version)
            trial = replace(trial, card=card)
        return trial


def rules_of(fitted: Fitted) -> dict[str, Fitted]:
    """Fit the simple rules to the same past."""
    return {rule.NAME: fit_to(fitted.past, shipped(rule)) for rule in RIVALS}


@pytest.fixture(scope="module")
def court(studies: Log, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Court]:
    with studies.reader(TenantId("all")) as log, log.for_many_queries() as reader:
        fitted = trained(reader, until=AS_OF, judged=True)
        yield Court(reader, fitted, rules_of(fitted), tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def hasty(court: Court) -> Fitted:
    """A training for answers within five minutes, of which there are fewer."""
    return trained(court.reader, until=AS_OF, judged=True, target=HASTY)


def grow(
    features: Vector, label: Vector, offset: Vector, names: Sequence[str], **settings: object
) -> lgb.Booster:
    chosen: dict[str, object] = {"learning_rate": 0.1, "num_leaves": 8, **settings}
    rounds = int(str(chosen.pop("rounds", 50)))
    return lgb.train(
        {
            "objective": "binary",
            "boost_from_average": False,
            "deterministic": True,
            "force_row_wise": True,
            "num_threads": 1,
            "verbosity": -1,
            **chosen,
        },
        lgb.Dataset(features, label=label, init_score=offset, feature_name=list(names)),
        num_boost_round=rounds,
    )


def on_users_alone(court: Court, booster: lgb.Booster | None) -> ServableModel:
    return rebuilt(court.good, booster=booster, trees_rank=False)


def test_the_week_that_is_tried_begins_on_the_last_judged_day_in_whatever_order(
    court: Court,
) -> None:
    trial = court.trial(court.good)
    backwards = replace(trial.judged, as_of_us=trial.judged.as_of_us[::-1])
    seen = askers(replace(trial, judged=backwards), 20)
    assert set(seen.as_of_us) == {trial.judged.as_of_us.max()}


def test_a_good_challenger_passes(court: Court) -> None:
    first = court.judge(court.good)
    assert first.passed, first.reason
    better = court.judge(court.good, champion=court.spoilt)
    assert better.passed, better.reason
    names = [check.name for check in better.checks]
    assert len(set(names)) == len(names) == 21
    assert {f"slice_{cut}" for cut in SLICES} <= set(names)


def test_1_a_leak_of_the_future_is_refused(court: Court) -> None:
    """What describes a moment has looked at what happened in the hour after it."""
    moments = court.fitted.moments
    later = replace(moments, as_of_us=moments.at_us + 3_600_000_000)
    seen, number = viewpoints(later.user_id, later.as_of)
    view = court.fitted.view
    rows = court.good.inputs(view, seen, view.moments(seen, number, later.at))
    booster = grow(
        rows.user_features, moments.label, scorer_of(court.good).weights.logit(rows), USER_FEATURES
    )
    leaking = on_users_alone(court, booster)
    report = court.judge(leaking, fitted=replace(court.fitted, rows=rows))
    assert {"future", "plausible"} & set(report.refused_by) == {"future", "plausible"}
    admitted = court.trial(
        leaking, fitted=Fitted(replace(court.fitted.past, labelled=later), court.good, rows)
    )
    assert not honesty.future(admitted).passed


def test_2_features_in_another_order_are_refused(court: Court) -> None:
    rows, label = court.fitted.rows, court.fitted.moments.label
    order = np.roll(np.arange(len(USER_FEATURES)), 1)
    booster = grow(
        rows.user_features[:, order],
        label,
        scorer_of(court.good).weights.logit(rows),
        [USER_FEATURES[place] for place in order],
    )
    assert "schema" in court.judge(on_users_alone(court, booster)).refused_by


def test_3_nan_is_refused(court: Court) -> None:
    weights = replace(scorer_of(court.good).weights, level=float("nan"))
    report = court.judge(rebuilt(court.good, weights=weights))
    assert {"finite", "choice", "probability", "calibration"} <= set(report.refused_by)


def test_4_good_on_average_and_worse_for_heavy_users_is_refused(court: Court) -> None:
    rows, label = court.fitted.rows, court.fitted.moments.label
    known = rows.user_features[:, USER_FEATURES.index("sends_ever")]
    unseen = court.fitted.split.judge(court.fitted.moments)
    heavy = known > np.quantile(known[unseen], 0.8)
    booster = grow(
        rows.user_features[unseen],
        np.where(heavy, 1.0 - label, label)[unseen],
        scorer_of(court.good).weights.logit(rows)[unseen],
        USER_FEATURES,
        learning_rate=0.3,
    )
    report = court.judge(on_users_alone(court, booster))
    assert "slice_history" in report.refused_by
    assert report.figures["gate.probability.population.log_loss_gain"] > 0.0, "good on average"
    said = next(check.said for check in report.checks if check.name == "slice_history")
    assert "heavy users" in said


@pytest.mark.parametrize(
    ("ours_ms", "champions_ms", "passes"),
    [(0.9, 0.1, True), (1.1, 0.3, True), (1.1, 0.1, False), (3.5, None, True), (3.7, None, False)],
)
def test_5_a_model_that_serves_too_slowly_is_refused(
    court: Court, ours_ms: float, champions_ms: float | None, *, passes: bool
) -> None:
    """By CPU time a user, on a clock whose ticks are known: the first turn reads the log."""
    trial = court.trial(court.good, champion=None if champions_ms is None else court.spoilt)
    users = min(200, len(trial.judged.user_id.unique())) + 5
    turns = [ours_ms] if champions_ms is None else [ours_ms, champions_ms]
    spent = [1000.0] * len(turns) + turns * 4
    ticks = np.cumsum([[0.0, ms * users / 1000.0] for ms in spent]).tolist()
    found = soundness.latency(replace(trial, cpu_seconds=iter(ticks).__next__))
    assert found.figures["cpu_ms_per_user"] == pytest.approx(ours_ms)
    assert found.passed == passes, found.said


def test_6_probabilities_half_as_large_again_are_refused(court: Court, hasty: Fitted) -> None:
    unseen = hasty.split.judge(hasty.moments)
    intercept, slope = hasty.model.calibration

    def louder(shift: float) -> ServableModel:
        return replace(hasty.model, calibration=(intercept + shift, slope))

    def mean(shift: float) -> float:
        return float(louder(shift).predict(hasty.rows)[unseen].mean())

    shift = next(s for s in np.arange(0.0, 5.0, 0.05).tolist() if mean(s) > 1.5 * mean(0.0))
    assert court.judge(hasty.model, fitted=hasty, target=HASTY).passed
    refused_by = court.judge(louder(shift), fitted=hasty, target=HASTY).refused_by
    assert "calibration" in refused_by


@pytest.mark.slow
def test_7_worse_times_with_a_better_log_loss_are_refused(court: Court) -> None:
    """Levels as good as any, and hours turned over by a little: it picks what people ignore."""
    rows, label = court.fitted.rows, court.fitted.moments.label
    weights = replace(scorer_of(court.good).weights, shape=0.05)
    features = np.hstack([rows.user_features, rows.moment_features])
    against = grow(
        features,
        1.0 - label,
        -weights.logit(rows),
        USER_FEATURES + MOMENT_FEATURES,
        num_leaves=255,
        min_child_samples=1,
        learning_rate=0.005,
        rounds=40,
    )
    report = court.judge(
        replace(
            rebuilt(court.good, weights=weights, booster=against, trees_rank=True),
            calibration=(0.0, 1.0),
        )
    )
    assert "choice" in report.refused_by
    assert report.figures["gate.probability.population.log_loss_gain"] > 0.0


def test_8_a_tampered_artifact_is_refused(court: Court) -> None:
    def tamper(folder: Path) -> None:
        model = folder / "model.json"
        model.write_text(model.read_text().replace('"seed": 7', '"seed": 8'))

    assert court.judge(court.good, in_storage=tamper).refused_by == ("artifact",)


def test_9_a_missing_or_incomplete_card_is_refused(court: Court) -> None:
    trial = court.trial(court.good)
    card = trial.card
    assert card is not None
    assert honesty.card(trial).passed
    assert examine(replace(trial, card=None)).refused_by == ("card",)
    for wrong in (
        "",
        card.replace(honesty.CARD_SECTIONS[-1], "## Elsewhere"),
        card.replace(trial.model.version, "0123456789abcdef"),
        card.replace("| ours | 0.", "| ours | 0.1"),
    ):
        assert not honesty.card(replace(trial, card=wrong)).passed


def test_a_card_with_the_right_figures_in_the_wrong_places_is_refused(court: Court) -> None:
    """Every figure of it stands somewhere on it, so that looking for them would find them."""
    trial = court.trial(court.good)
    card = str(trial.card)
    begin = card.index("| predictor |")
    table = card[begin : card.index("\n\n", begin)]
    swapped = table.replace("| ours |", "| ? |").replace("| population |", "| ours |")
    for wrong, said in (
        (card.replace(table, swapped.replace("| ? |", "| population |")), "ours: log loss is"),
        (
            card.replace("- Log loss of population minus", "- Log loss of nobody minus"),
            "nobody was",
        ),
        (card.replace(" minus ours: 0.", " minus ours: -0."), "Log loss, ours and"),
        (card.replace(" users, ", " users, 1"), "answered, % is"),
        (card.replace("| random |", "| luck |"), "random: answered is missing"),
        (card.replace(trial.model.version, "x") + trial.model.version, "it is of version x"),
    ):
        assert wrong != card
        found = honesty.card(replace(trial, card=wrong))
        assert found.failed
        assert said in found.said


@pytest.mark.parametrize("off", [1.01e-4, -1.01e-4])
def test_a_card_is_held_to_the_last_digit_that_it_prints(court: Court, off: float) -> None:
    trial = court.trial(court.good)
    verdict = trial.verdict
    assert verdict is not None
    for measure in ("log_loss", "brier", "calibration_error", "within_day_auc"):
        for name, quality in verdict.quality.items():
            other = replace(quality, **{measure: getattr(quality, measure) + off})
            told = replace(verdict, quality={**verdict.quality, name: other})
            assert honesty.card(replace(trial, verdict=told)).failed, (name, measure)


@pytest.mark.slow
def test_10_another_target_or_training_on_the_judged_days_is_refused(
    court: Court, hasty: Fitted
) -> None:
    assert "target" in court.judge(hasty.model).refused_by
    everything = trained(court.reader, until=AS_OF)
    report = court.judge(everything.model)
    assert "unseen" in report.refused_by


def test_11_a_constant_is_refused_beside_a_champion(court: Court) -> None:
    nothing = replace(scorer_of(court.good).weights, level=0.0, activity_rate=0.0, shape=0.0)
    constant = rebuilt(on_users_alone(court, None), weights=nothing)
    assert "probability" in court.judge(constant, champion=court.good).refused_by


@pytest.mark.parametrize(
    ("gain", "passes"),
    [
        (Gain(-0.001, -0.003, 0.001, 0.16), True),
        (Gain(-0.002, -0.003, -0.001, 4e-5), False),
        (Gain(-0.001, -np.inf, np.inf, np.nan), False),
        (Gain(0.001, -np.inf, np.inf, np.nan), True),
    ],
)
def test_probabilities_are_worse_than_everybodys_beyond_chance_or_not_at_all(
    court: Court, gain: Gain, *, passes: bool
) -> None:
    """Where all are alike nothing is to be gained, and a first model serves as well as the rule."""
    trial = court.trial(court.good)
    assert trial.verdict is not None
    verdict = replace(trial.verdict, log_loss_gain={"population": gain})
    assert worth.probability(replace(trial, verdict=verdict)).passed == passes


def test_12_certainties_are_refused(court: Court) -> None:
    report = court.judge(replace(court.good, calibration=(0.0, 60.0)))
    assert {"probability", "calibration"} <= set(report.refused_by)


def test_13_what_cannot_be_trained_again_is_refused(court: Court) -> None:
    assert court.judge(court.good, retrained=court.spoilt).refused_by == ("reproducible",)


def test_14_a_copy_does_not_replace_the_champion(court: Court) -> None:
    assert court.judge(court.good, champion=court.good).refused_by == ("succession",)


def test_an_equal_model_of_later_days_replaces_the_champion(court: Court) -> None:
    """Weekly training: no better than the champion, and good for another week."""
    report = court.judge(court.good, champion=court.former(court.good))
    assert report.passed, report.reason
    assert "definition on later days" in report.reason


def test_a_change_within_noise_does_not_replace_the_champion(court: Court) -> None:
    """An equal model by another definition: lower log loss by luck is no reason to change."""
    report = court.judge(court.good, champion=court.former(court.good, definition="another"))
    assert report.refused_by == ("succession",)
    assert "another definition" in report.reason
    gains, (intercept, slope) = [], court.good.calibration
    for shift in (-1e-4, 1e-4):
        nearly = replace(court.good, calibration=(intercept + shift, slope))
        trial = court.trial(court.good, champion=court.former(nearly, definition="another"))
        assert not succession(trial).passed
        assert trial.verdict is not None
        gains.append(trial.verdict.log_loss_gain[CHAMPION].estimate)
    assert max(gains) > 0.0


def test_a_change_that_is_better_beyond_chance_replaces_the_champion(court: Court) -> None:
    report = court.judge(court.good, champion=court.former(court.spoilt, definition="another"))
    assert report.passed, report.reason
    assert "better beyond chance by log loss" in report.reason


def test_later_days_do_not_excuse_a_worse_model(court: Court) -> None:
    report = court.judge(court.spoilt, champion=court.former(court.good))
    assert "probability" in report.refused_by
    assert "succession" not in report.refused_by


def test_a_better_choice_alone_is_no_proof_for_another_definition(court: Court) -> None:
    """One measure decides: an equal model would pass one of three more often than one."""
    trial = court.trial(court.good, champion=court.former(court.good, definition="another"))
    assert trial.verdict is not None
    lucky = {CHAMPION: Gain(0.01, 0.001, 0.02, 0.98)}
    verdict = replace(trial.verdict, gain=lucky, auc_gain=lucky)
    assert not succession(replace(trial, verdict=verdict)).passed
    verdict = replace(trial.verdict, log_loss_gain=lucky)
    assert succession(replace(trial, verdict=verdict)).passed


def test_a_champion_that_learned_from_the_judged_days_is_not_comparable(court: Court) -> None:
    made = replace(court.spoilt.provenance, definition="another")
    for days, comparable in ((0, True), (2, False)):
        until = court.good.provenance.learned_until + timedelta(days=days)
        champion = replace(court.spoilt, provenance=replace(made, learned_until=until))
        found = succession(court.trial(court.good, champion=champion))
        assert found.passed == comparable, found.said
        assert ("not comparable" in found.said) != comparable


def test_a_faulty_simple_rule_is_left_out_and_all_of_them_are_a_reason(court: Court) -> None:
    trial = court.trial(court.good)
    unsound = {"population": "says 0.900 where 0.500 were answered"}
    found = worth.rivals(replace(trial, unsound=unsound))
    assert found.passed
    assert "the population's says 0.900" in found.said
    assert not worth.rivals(replace(trial, unsound=unsound, simple_rules={})).passed


def told_by(court: Court) -> tuple[Check, ...]:
    """Every check as a good challenger ends them, all passed."""
    checks = court.judge(court.good).checks
    return tuple(replace(check, outcome=Outcome.PASSED) for check in checks)


def test_what_was_not_judged_refuses_unless_the_rule_lets_it_go(court: Court) -> None:
    """One rule for all: beside each check its third end, and whether the model then serves."""
    all_passed = told_by(court)
    assert {check.name for check in all_passed} >= MAY_GO_UNJUDGED
    for check in all_passed:
        why = replace(check, outcome=Outcome.NOT_JUDGED, said="too little is known")
        report = GateReport(tuple(why if each is check else each for each in all_passed))
        may = check.name in MAY_GO_UNJUDGED
        assert report.passed == may
        assert report.not_judged == (why,)
        assert f"gate.{check.name}" not in report.figures
        if may:
            assert report.summary == f"passed; not judged: {check.name}"
            assert f"passed {len(all_passed) - 1} of {len(all_passed)}" in report.reason
        else:
            assert report.refused_by == (check.name,)
            assert "too little is known" in report.reason


def test_the_documents_name_what_a_model_may_serve_without() -> None:
    page = (Path(__file__).parents[2] / "docs" / "models.md").read_text("utf-8")
    section = page.split("### Not judged", 1)[1].split("\n#", 1)[0]
    table = {line.split("`")[1] for line in section.splitlines() if line.startswith("| `")}
    assert table == {name for name in MAY_GO_UNJUDGED if not name.startswith("slice_")} | {
        "slice_*"
    }


def test_where_nothing_was_drawn_and_nobody_serves_the_gate_says_what_it_did_not_judge(
    court: Court,
) -> None:
    trial = court.trial(court.good)
    alone = replace(trial, rivals=(), champion=None)
    assert not worth.choice(alone).judged
    assert not worth.probability(alone).judged
    assert not worth.off_policy(replace(trial, causal=None)).judged
    assert not soundness.reproducible(replace(trial, retrain=None)).judged
    elsewhere = replace(trial, no_champion="it predicts click, this model open")
    found = succession(elsewhere)
    assert not found.judged
    assert "cannot be compared: it predicts click" in found.said


def test_a_single_send_a_user_leaves_the_choice_unjudged_and_the_card_says_so(court: Court) -> None:
    """The first send of each user alone: no two moments of anybody are left to compare."""
    trial = court.trial(court.good)
    _, first = np.unique(user_numbers(trial.judged), return_index=True)
    kept = np.isin(np.arange(len(trial.judged)), first)
    judged = trial.judged.rows(kept)
    said = {name: each[kept] for name, each in trial.probabilities.items()}
    found = worth.choice(
        replace(trial, judged=judged, probabilities=said, verdict=judge(judged, said))
    )
    assert found.outcome is Outcome.NOT_JUDGED
    assert "too few users were judged on two moments" in found.said
    report = GateReport((*(c for c in told_by(court) if c.name != "choice"), found))
    card = with_gate(str(trial.card), report, serves=report.passed)
    assert "Promoted to champion: passed 20 of 21 checks, not judged: choice" in card
    assert "| choice | not judged | too few users were judged on two moments" in card
    assert (
        "Not judged: choice (too few users were judged on two moments" in card.split("## Data")[0]
    )


def test_the_card_tells_what_calibration_is_held_to_and_what_was_measured(court: Court) -> None:
    trial = court.trial(court.good)
    for model in (court.good, replace(court.good, calibration=(1.0, 1.0))):
        tried = replace(trial, probabilities={**trial.probabilities, OURS: said_by(court, model)})
        found = worth.calibration(tried)
        figures = found.figures
        assert found.passed == (figures["error"] <= figures["threshold"])
        assert figures["by_chance"] < figures["threshold"] <= 0.05 + figures["by_chance"]
        assert f"calibration error {figures['error']:.4f}" in found.said
        assert f"at most {figures['threshold']:.4f}" in found.said
        card = with_gate(str(trial.card), GateReport((found, *told_by(court))), serves=False)
        assert found.said in card
    assert found.failed, "a logit too much"


def said_by(court: Court, model: ServableModel) -> Vector:
    unseen = court.fitted.split.judge(court.fitted.moments)
    return model.predict(court.fitted.rows)[unseen]


def test_the_card_lists_every_part_of_the_users_with_its_figures(court: Court) -> None:
    trial = court.trial(court.good)
    section = str(trial.card).split("## Where it does not help")[1]
    parts = slices.slices_of(trial, "population")
    assert {part.cut for part in parts} == set(SLICES)
    for part in parts:
        assert f"| {part.name} | {part.moments} | {part.users} |" in section
        (row,) = (line for line in section.splitlines() if line.startswith(f"| {part.name} |"))
        assert (row.split("|")[4].strip() == "-") == (part.log_loss is None)
        if part.log_loss is not None:
            assert f"{part.log_loss.estimate:.4f} [" in row
    history = [part for part in parts if part.cut == "history"]
    assert sum(part.moments for part in history) == len(trial.judged)
    assert "Log loss not better beyond chance than the population's for: " in section


def test_what_was_not_measured_is_never_told_as_not_better(court: Court) -> None:
    trial = court.trial(court.good)
    section = str(trial.card).split("## Where it does not help")[1]
    parts = slices.slices_of(trial, "population")
    for measure, of_part, told in (
        ("Log loss", lambda part: part.log_loss, parts),
        ("Choice of time", lambda part: part.choice, [p for p in parts if p.cut != "hour"]),
    ):
        lines = [line for line in section.splitlines() if line.startswith(f"- {measure} not")]
        not_better = "".join(line for line in lines if "not better" in line and "'s for:" in line)
        not_measured = "".join(line for line in lines if "not measured for" in line)
        missing = [part.name for part in told if of_part(part) is None]
        for name in missing:
            assert name not in not_better
            assert name in not_measured
        assert bool(missing) == bool(not_measured)
    assert any(part.log_loss is None or part.choice is None for part in parts), "some are small"


def test_without_users_enough_for_an_interval_nothing_is_told_as_not_better(court: Court) -> None:
    nothing = Gain(0.1, -inf, inf, nan)
    told = list(weak_spots._whole("Order", {"population": nothing}, "why"))
    assert told == [
        "- Order: what is chance was not measured beside population, for want of users."
    ]
    assert list(weak_spots._whole("Order", {}, "why")) == ["- Order not measured: why."]


def test_platforms_are_told_as_platforms_and_zones_as_zones(court: Court) -> None:
    parts = slices.slices_of(court.trial(court.good), "population")
    named = [part.name for part in parts if part.cut == "platform_or_zone"]
    assert named
    assert all(
        re.fullmatch(r"(platform|zone) .+|other (platforms|zones)", name) for name in named
    ), named


def test_the_card_tells_how_many_answers_came_late(court: Court) -> None:
    said = [line for line in str(court.trial(court.good).card).splitlines() if "came after" in line]
    assert len(said) == 1
    count = int(said[0].split()[1].replace(",", ""))
    enough = "enough to learn from" if count >= 30 else "too few"
    assert enough in said[0]


def test_a_model_of_a_log_that_records_answers_otherwise_is_refused_in_words(court: Court) -> None:
    hourly = Recording(step=timedelta(hours=1), rounded_down=True)
    found = honesty.target(court.trial(court.good, target=replace(TARGET, recording=hourly)))
    assert found.failed
    assert "answers stamped when a step of 1:00:00 begins" in found.said
