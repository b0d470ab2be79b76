"""`sendopt verify` finds every planted fault and names it; where there is none it finds none."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from sendopt.app import open_app
from sendopt.clock import VirtualClock
from sendopt.demo.run import HELD_FROM
from sendopt.settings import Settings
from sendopt.verify import Report

Verify = Callable[[], Report]
Damage = Callable[..., None]

UNBALANCED = (
    "insert into ledger_entry "
    "(tenant_id, posting, account, amount_minor, currency, period, posted_at) "
    "values ('fried2021', '2025-02/click/1', 'receivable', 5, 'EUR', '2025-02', 0)"
)


def broken(report: Report) -> set[tuple[str, str]]:
    return {(finding.store, finding.rule) for finding in report.findings}


def test_a_lived_day_is_whole(verify: Verify) -> None:
    report = verify()
    assert report.findings == ()
    assert report.unsettled == ()
    assert report.unnamed_files == ()
    assert report.send_count > 50
    assert report.event_count > 3_000


def test_a_doubled_charge(verify: Verify, damage_state: Damage) -> None:
    damage_state(
        "alter table charge rename to charge_before",
        "create table charge as select * from charge_before",
        "insert into charge select * from charge_before limit 1",
    )
    assert ("ledger", "charged_once") in broken(verify())
    assert ("ledger", "charges_match_what_counted") in broken(verify())


def test_a_charge_for_nothing(verify: Verify, damage_state: Damage) -> None:
    damage_state(
        "update click set filtered_reason = 'bot' "
        "where send_id = (select min(send_id) from click where filtered_reason is null)"
    )
    assert ("ledger", "charge_has_click") in broken(verify())


def test_a_charge_that_is_missing(verify: Verify, damage_state: Damage) -> None:
    damage_state("delete from charge where send_id = (select min(send_id) from charge)")
    assert ("ledger", "charges_match_what_counted") in broken(verify())


def test_a_value_that_only_its_hash_contradicts(verify: Verify, damage_state: Damage) -> None:
    damage_state(
        "update variant set body = body || '.' where rowid = (select min(rowid) from variant)"
    )
    (finding,) = verify().findings
    assert (finding.store, finding.rule) == ("state", "row_unchanged")
    assert finding.subject.startswith("variant ")


def test_a_copied_event_that_is_missing_in_the_log(verify: Verify, damage_log: Damage) -> None:
    damage_log(
        "delete from event where event_id = (select min(event_id) from event where "
        "event_type = 'click')"
    )
    found = broken(verify())
    assert ("log", "copied_event_is_in_log") in found
    assert ("ledger", "log_confirms_statement") in found


def test_an_imported_event_that_is_missing_in_the_log(verify: Verify, damage_log: Damage) -> None:
    damage_log(
        "delete from event where event_id = (select min(event_id) from event where "
        "tenant_id = 'fried2021' and campaign_id is null)"
    )
    assert ("log", "log_is_complete") in broken(verify())


def test_a_changed_event_in_the_log(verify: Verify, damage_log: Damage) -> None:
    damage_log(
        "update event set user_id = 'somebody-else' where event_id = "
        "(select min(event_id) from event where event_type = 'click')"
    )
    assert ("log", "copied_event_is_in_log") in broken(verify())


def test_a_doubled_event_in_the_log(verify: Verify, damage_log: Damage) -> None:
    damage_log("insert into event select * from event order by event_id limit 1")
    assert ("log", "event_is_unique") in broken(verify())


#: What to do to the state, by the rule that it breaks; the lines of a group do not undo each other.
BROKEN = (
    {
        "send_has_decision":
            "update planned_send set basis = 99 "
            "where send_id = (select min(send_id) from planned_send)",
        "propensity_is_possible":
            "update planned_send set propensity = 0.5 "
            "where basis in (select number from decision_basis where policy = 'greedy')",
        "not_before_due": "update attempt set started_at = started_at - 3600000000",
        "click_has_link": "delete from link where send_id = (select min(send_id) from click)",
        "outbox_has_no_gap": "delete from event_outbox where sequence = 1",
        "final_send_has_reason":
            "update planned_send set reason = null where state = 'delivered'",
        "accepted_is_delivered":
            "update planned_send set state = 'failed' where state = 'delivered'",
    },
    {
        "decision_has_send":
            "insert into decision (tenant_id, send_id, slots, policy, timezone, timezone_source) "
            "values ('default', 'gone', '[]', 'greedy', 'UTC', 'tenant')",
        "propensity_is_possible":
            "update planned_send set propensity = null where due_at is not null",
        "not_after_opt_out": "update app_user set opt_out_known_at = 1000000",
        "effect_has_event": "delete from event_outbox where event_id like '%:send'",
        "known_state":
            "update planned_send set state = 'lost' "
            "where send_id = (select max(send_id) from planned_send)",
    },
    {
        "delivered_was_accepted":
            "delete from attempt where send_id = (select min(send_id) from attempt)",
        "send_has_revision":
            "update planned_send set revision = 7 "
            "where send_id = (select min(send_id) from planned_send)",
        "planned_send_has_words":
            "update planned_send set state = 'planned', variant_id = 'lost' "
            "where send_id = (select max(send_id) from planned_send)",
        "not_while_paused": "update campaign set paused_at = created_at",
        "campaign_has_revision":
            "update campaign set revision = 0 "
            "where campaign_id = (select min(campaign_id) from campaign)",
        "not_after_expiry":
            "update planned_send set expires_at = due_at where state = 'delivered'",
    },
)  # fmt: skip


@pytest.mark.parametrize("statements", BROKEN)
def test_broken_rules_of_the_state_are_all_found(
    verify: Verify, damage_state: Damage, statements: dict[str, str]
) -> None:
    damage_state(*statements.values())
    assert {("state", rule) for rule in statements} <= broken(verify())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rule", "statement"), [each for statements in BROKEN for each in statements.items()]
)
def test_a_broken_rule_of_the_state(
    verify: Verify, damage_state: Damage, statement: str, rule: str
) -> None:
    damage_state(statement)
    assert ("state", rule) in broken(verify())


#: What nobody can read any more, by how the row is named.
UNREADABLE = (
    {
        "event_outbox 1": "update event_outbox set event = '{\"event_id\":' where sequence = 1",
        "planned_send":
            "update planned_send set due_at = -62135596800000000 where state = 'delivered'",
        "decision_basis":
            "update decision_basis set slots = '[' where number = 1",
        "click": "update click set occurred_at = 'noon'",
    },
    {
        "event_outbox 1":
            "update event_outbox set event = cast(x'7b22ff227d' as text) where sequence = 1",
        "planned_send": "update planned_send set planned_at = 253402300799000000",
        "attempt": "update attempt set outcome = 'acceqted'",
        "app_user": "update app_user set timezone = x'ff'",
    },
)  # fmt: skip


@pytest.mark.parametrize(
    "statements",
    [
        *UNREADABLE,
        *(
            pytest.param({row: statement}, marks=pytest.mark.slow)
            for statements in UNREADABLE
            for row, statement in statements.items()
        ),
    ],
)
def test_a_row_that_cannot_be_read_is_named_and_the_other_checks_go_on(
    verify: Verify, damage_state: Damage, statements: dict[str, str]
) -> None:
    damage_state(*statements.values(), UNBALANCED)
    report = verify()
    named = {each.subject for each in report.findings if each.rule == "row_can_be_read"}
    for row in statements:
        assert any(subject.startswith(row) for subject in named), (row, report.findings)
    assert {each.tenant_id for each in report.findings if each.subject in named} == {"fried2021"}
    assert ("ledger", "posting_sums_to_zero") in broken(report)
    assert report.event_count > 3_000


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (("update planned_send set state = 'planned', ready_at = due_at, reason = null "
         "where state = 'failed' or send_id = (select min(send_id) from planned_send)"),
         "send_is_not_overdue"),
        ("update tenant set timezone = 'Mars/Phobos' where tenant_id = 'fried2021'",
         "zone_is_known"),
        (("update event_outbox set event = json_set(event, '$.user_id', 'eve') where event_id = "
         "(select min(event_id) from event_outbox where event_id like '%:send')"),
         "reserved_id_is_ours"),
    ],
)  # fmt: skip
def test_a_broken_rule_of_trust(
    verify: Verify, damage_state: Damage, statement: str, expected: str
) -> None:
    damage_state(statement)
    assert ("state", expected) in broken(verify())


def test_a_state_that_is_older_than_the_log(verify: Verify, damage_state: Damage) -> None:
    damage_state("delete from event_outbox where position > 100")
    assert ("log", "log_is_not_ahead") in broken(verify())


def test_a_changed_data_file_is_all_that_is_found(verify: Verify, home: Path) -> None:
    file = max((home / "log" / "data").rglob("*.parquet"), key=lambda path: path.stat().st_size)
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    (finding,) = verify().findings
    assert (finding.rule, finding.tenant_id) == ("data_file_unchanged", "fried2021")
    assert file.name in finding.subject


@pytest.mark.parametrize("wrong", ["gone", "open", "changed", "unreadable"])
def test_secrets_that_are_not_as_they_were_written(verify: Verify, home: Path, wrong: str) -> None:
    secrets = home / "secrets.json"
    if wrong == "gone":
        secrets.unlink()
    elif wrong == "open":
        home.chmod(0o755)
        secrets.chmod(0o644)
    elif wrong == "changed":
        content = json.loads(secrets.read_text())
        key = content["link_keys"]["k1"]
        content["link_keys"]["k1"] = ("A" if key[0] != "A" else "B") + key[1:]
        secrets.write_text(json.dumps(content))
    else:
        secrets.write_bytes(b"\xff")
    (finding,) = verify().findings
    assert finding.rule == ("files_are_private" if wrong == "open" else "secrets_are_whole")
    assert finding.subject == "secrets.json"


@pytest.mark.parametrize(
    ("store", "file"),
    [
        ("state", "state.sqlite"),
        ("log", "log/catalog.sqlite"),
        ("registry", "registry/mlflow.sqlite"),
    ],
)
def test_a_store_that_does_not_open_is_found_and_the_others_are_checked(
    home: Path, tmp_path: Path, store: str, file: str
) -> None:
    copy = shutil.copytree(home, tmp_path / "copy")  # MLflow remembers what it opened
    for path in (copy / file, copy / f"{file}-wal"):
        if path.exists():
            path.write_bytes(b"no database" * 1_000)
    with closing(open_app(Settings(home=copy), clock=VirtualClock(HELD_FROM))) as app:
        report = app.operator.verify(progress=lambda _about: None)
    assert store in {finding.store for finding in report.findings}
    assert report.send_count > 50 or store == "state"
    assert report.event_count > 3_000 or store == "log"


def test_a_closed_statement_that_was_changed(verify: Verify, damage_state: Damage) -> None:
    document = json.dumps({"tenant_id": "fried2021"})
    damage_state(
        "insert into period (tenant_id, period, closed_at, statement, statement_sha256) "
        f"values ('fried2021', '2025-02', 0, '{document}', 'not its hash')"
    )
    assert ("ledger", "closed_statement_never_changes") in broken(verify())


def test_a_posting_that_does_not_balance(verify: Verify, damage_state: Damage) -> None:
    damage_state(UNBALANCED)
    assert ("ledger", "posting_sums_to_zero") in broken(verify())


def test_a_damaged_champion(verify: Verify, home: Path) -> None:
    artifacts = [file for file in (home / "registry" / "artifacts").rglob("*") if file.is_file()]
    for file in artifacts:
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 0xFF
        file.write_bytes(content)
    assert {("registry", "champion_serves"), ("registry", "card_unchanged")} <= broken(verify())
