"""Backtests on the shipped studies: exact choices, no look-ahead, honest labels."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from sendopt.errors import InvalidInput
from sendopt.evaluate.off_policy import Value
from sendopt.learn.backtest import Backtest, BacktestReport, backtest
from sendopt.learn.model.predict import check_decisions
from sendopt.log import EVENT_SCHEMA, Log, Reader, event_table
from sendopt.records import Event, EventType, SendId, TenantId, UserId

ALL = TenantId("all")
SINCE, UNTIL = datetime(2025, 3, 8, tzinfo=UTC), datetime(2025, 3, 16, tzinfo=UTC)


def run(reader: Reader, decisions: pa.Table | None) -> Backtest:
    return backtest(
        reader,
        decisions,
        open_window=timedelta(minutes=30),
        outcome=EventType.OPEN,
        seed=7,
        threads=1,
        progress=lambda _: None,
    )


def decisions_of(reader: Reader, *, since: datetime, until: datetime) -> pa.Table:
    """Every user-day of [since, until) with several sends: one of them is to be chosen."""
    return reader.query(
        "decisions",
        """
        select
            user_id || ' ' || date_trunc('day', occurred_at)::date as decision_id,
            user_id,
            date_trunc('day', occurred_at) as as_of,
            occurred_at as candidate_at
        from event
        where event_type = 'send' and occurred_at >= $since and occurred_at < $until
        qualify count(*) over (partition by decision_id) > 1
        order by decision_id, candidate_at
        """,
        {"since": since, "until": until},
    )


@pytest.fixture(scope="module")
def of_studies(studies: Log) -> BacktestReport:
    with studies.reader(ALL) as reader:
        return run(reader, None).report


def test_scores_are_complete_and_know_nothing_of_what_came_later(
    studies: Log, empty_log: Log
) -> None:
    tenant = TenantId("fried2021")
    with studies.reader(tenant) as reader:
        columns = ", ".join(EVENT_SCHEMA.names)
        events = reader.query("all", f"select {columns} from event").cast(EVENT_SCHEMA)
        decisions = decisions_of(reader, since=SINCE, until=SINCE + timedelta(days=2))
        stranger = pa.Table.from_pylist(
            [{**decisions.slice(0, 1).to_pylist()[0], "decision_id": "x", "user_id": "stranger"}],
            schema=decisions.schema,
        )
        decisions = pa.concat_tables([decisions, stranger])
        scores = run(reader, decisions).scores
    last = pc.max(decisions["as_of"])
    with empty_log.appender() as appender:
        appender.append(tenant, events.filter(pc.less(events["occurred_at"], last)))
    with empty_log.reader(tenant) as reader:
        blind = run(reader, decisions).scores
    assert scores is not None
    assert blind is not None
    assert scores.select(["decision_id", "candidate_at"]).equals(
        decisions.select(["decision_id", "candidate_at"])
    )
    probability = scores["open_probability"].to_numpy()
    assert ((probability > 0) & (probability < 1)).all()
    np.testing.assert_array_equal(blind["open_probability"].to_numpy(), probability)


def test_choices_are_no_worse_than_everybodys_best_hour(of_studies: BacktestReport) -> None:
    """The number that a reader of the README gets: real prompts, exact outcomes."""
    verdict = of_studies.verdict
    assert verdict is not None
    assert of_studies.kind == "predictive"
    assert of_studies.label_source == "sends"
    assert verdict.choices > 2500
    assert verdict.gain["population"].high > 0, "not worse beyond chance"
    assert verdict.gain["random"].estimate > 0
    assert verdict.gain["most_frequent"].estimate > 0
    assert verdict.log_loss_gain["population"].low > 0
    assert verdict.quality["ours"].calibration_error < 0.03


def test_a_log_without_sends_says_what_stood_in(habits: Log) -> None:
    with habits.reader(TenantId("shop")) as reader:
        report = run(reader, None).report
    assert report.label_source == "activity"
    assert any("stands in" in note for note in report.notes)
    assert report.verdict is not None
    assert report.verdict.gain["population"].low > 0
    assert not any("no intervals" in note for note in report.notes)
    handful = replace(report, verdict=replace(report.verdict, users=4))
    assert any("there are no intervals" in note for note in handful.notes)


def test_an_empty_past_still_gives_every_score(studies: Log) -> None:
    begin = datetime(2024, 1, 1, tzinfo=UTC)
    candidates = [begin + timedelta(hours=hour) for hour in range(24)]
    decisions = pa.table(
        {
            "decision_id": ["d"] * 24,
            "user_id": ["fried2021-1"] * 24,
            "as_of": pa.array([begin] * 24),
            "candidate_at": pa.array(candidates),
        }
    )
    with studies.reader(ALL) as reader:
        scores = run(reader, decisions).scores
    assert scores is not None
    assert np.isfinite(scores["open_probability"].to_numpy()).all()


def test_years_of_silence_do_not_make_a_log_forget_whose_hours_are_whose(habits: Log) -> None:
    """A user of `habits` is active around 8, 12 or 20 o'clock in Tokyo, until the end of August."""
    begin = datetime(2028, 9, 1, tzinfo=ZoneInfo("Asia/Tokyo"))
    users = ["u-8-0", "u-12-1", "u-20-2"]
    decisions = pa.table(
        {
            "decision_id": [user for user in users for _ in range(24)],
            "user_id": [user for user in users for _ in range(24)],
            "as_of": pa.array([begin] * 72),
            "candidate_at": pa.array([begin + timedelta(hours=hour % 24) for hour in range(72)]),
        }
    )
    with habits.reader(TenantId("shop")) as reader:
        scores = run(reader, decisions).scores
    assert scores is not None
    best = scores["open_probability"].to_numpy().reshape(3, 24).argmax(axis=1)
    np.testing.assert_allclose(best, [8, 12, 20], atol=1)


def test_decisions_may_come_in_other_types_than_the_log_keeps(studies: Log) -> None:
    def as_given(user: pa.DataType, time: pa.DataType) -> pa.Table:
        plain = {"decision_id": pa.string(), "user_id": user, "as_of": time, "candidate_at": time}
        return decisions.cast(pa.schema(plain.items()))

    with studies.reader(TenantId("fried2021")) as reader:
        decisions = decisions_of(reader, since=SINCE, until=SINCE + timedelta(days=1))
        expected = run(reader, decisions).scores
        finer = as_given(pa.string_view(), pa.timestamp("ns", tz="Asia/Kolkata"))
        late = pc.add(finer["candidate_at"], pa.scalar(1, pa.duration("ns")))
        found = run(reader, finer.set_column(3, "candidate_at", late)).scores
    assert expected is not None
    assert found is not None
    assert found["candidate_at"].equals(late), "what was asked comes back as it was asked"
    assert found["open_probability"].equals(expected["open_probability"])


@pytest.mark.parametrize(
    ("column", "values", "code"),
    [
        ("as_of", None, "missing_field"),
        ("user_id", pa.array([1.0, 2.0]), "wrong_type"),
        ("user_id", pa.array(["ann", None]), "missing_field"),
        ("candidate_at", pa.array([datetime(2025, 3, 8)] * 2), "time_invalid"),  # noqa: DTZ001
    ],
)
def test_decisions_that_break_the_contract_are_refused(
    studies: Log, column: str, values: pa.Array | None, code: str
) -> None:
    instant = pa.array([SINCE] * 2)
    columns = {
        "decision_id": ["a", "b"],
        "user_id": ["ann", "bob"],
        "as_of": instant,
        "candidate_at": instant,
    }
    decisions = pa.table({name: c for name, c in columns.items() if name != column})
    if values is not None:
        decisions = decisions.append_column(column, values)
    with studies.reader(ALL) as reader, pytest.raises(InvalidInput) as refused:
        run(reader, decisions)
    assert (refused.value.code, refused.value.field) == (code, column)


@pytest.mark.parametrize(
    ("called", "meant"),
    [("candidateAt", "candidate_at"), ("UserId", "user_id"), ("as_off", "as_of")],
)
def test_a_column_of_decisions_that_is_nearly_named_is_told_with_the_name_that_was_meant(
    called: str, meant: str
) -> None:
    instant = pa.array([SINCE])
    columns = {"decision_id": ["a"], "user_id": ["ann"], "as_of": instant, "candidate_at": instant}
    table = pa.table({called if name == meant else name: c for name, c in columns.items()})
    with pytest.raises(InvalidInput, match=f"did you mean {meant}") as refused:
        check_decisions(table)
    assert (refused.value.code, refused.value.field) == ("missing_field", meant)
    assert f'"{called}"' in str(refused.value)


def test_the_natural_experiments_are_counted(studies: Log) -> None:
    with studies.reader(TenantId("dejonckheere2019")) as reader:
        found = run(reader, None).report.experiments
    assert found is not None
    assert found.choices == found.apart > 0
    assert found.times_per_choice == pytest.approx(7.0, abs=0.2)
    assert found.hours_apart == 12.0
    assert found.users_at_one_hour == 0


def test_without_propensities_nothing_is_called_causal(of_studies: BacktestReport) -> None:
    told = of_studies.off_policy
    assert told is not None
    assert told.refusal is not None
    assert told.refusal.code == "no_propensity"
    assert (told.value, told.gain) == ({}, {})
    assert "no part of this comes from randomised sends" in of_studies.notes[0]


@pytest.mark.parametrize("propensity", [1.0, None])
def test_hours_that_never_varied_are_refused(empty_log: Log, propensity: float | None) -> None:
    tenant = TenantId("steady")
    with empty_log.appender() as appender:
        appender.append(tenant, event_table(sends_at_random(hours=[9], propensity=propensity)))
    with empty_log.reader(tenant) as reader:
        report = run(reader, None).report
    assert report.experiments is not None
    assert report.experiments.users_at_one_hour == report.experiments.users
    assert not report.experiments.varied
    assert report.off_policy is not None
    assert report.off_policy.refusal is not None
    assert report.off_policy.refusal.code == ("no_support" if propensity else "no_propensity")


@pytest.mark.parametrize(("zone", "offset"), [("UTC", 0), ("Asia/Tokyo", 9)])
def test_drawn_hours_carry_a_causal_value_near_the_truth(
    empty_log: Log, zone: str, offset: int
) -> None:
    """Everybody answers 60 % at 20 o'clock of their own day and 10 % else; hours are drawn."""
    tenant = TenantId("drawn")
    events = sends_at_random(hours=[8, 12, 20], propensity=1 / 3, zone=zone, offset=offset)
    with empty_log.appender() as appender:
        appender.append(tenant, event_table(events))
    with empty_log.reader(tenant) as reader:
        report = run(reader, None).report
    found = report.off_policy
    assert found is not None
    assert found.label == "causal"
    assert found.hours == (8, 12, 20)
    for policy in ("ours", "population"):
        value = found.value[policy]
        assert isinstance(value, Value)
        assert value.support.mean_weight == pytest.approx(1.0, abs=0.1)
        for estimator in ("snips", "dr"):
            interval = value.estimates[estimator]
            assert interval.low < 0.6 < interval.high
            assert interval.high - interval.low < 0.2
    assert found.as_sent == pytest.approx(0.267, abs=0.05)
    assert report.verdict is not None
    assert "except where a table says causal" in report.notes[0]


def sends_at_random(
    *, hours: list[int], propensity: float | None, zone: str = "UTC", offset: int = 0
) -> list[Event]:
    """40 users, 56 days, one send a day at one of `hours` of the user's local day."""
    rng = np.random.default_rng(11)
    events = []
    for number in range(40):
        for day in range(56):
            hour = int(rng.choice(hours))
            at = SINCE + timedelta(days=day, hours=hour - offset, minutes=int(rng.integers(60)))
            user, send = UserId(f"u{number}"), SendId(f"s{number}-{day}")
            events.append(
                Event(
                    send,
                    user,
                    EventType.SEND,
                    at,
                    send_id=send,
                    timezone=zone,
                    propensity=propensity,
                )
            )
            if rng.random() < (0.6 if hour == 20 else 0.1):
                answered_at = at + timedelta(minutes=5)
                events.append(
                    Event(f"{send}-open", user, EventType.OPEN, answered_at, send_id=send)
                )
    return events
