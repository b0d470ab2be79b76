"""What a slip of the pen is answered with: the place, the limit and the fix, before any work."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

Ended = Callable[..., tuple[int, str, str]]

RATE_CARD = (
    '{"currency": "EUR", "click_price_minor": "2", "response_price_minor": "5", '
    '"attribution_window_seconds": 86400, "effective_at": "2026-01-01T00:00:00Z"}'
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the command is called."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("lift --since 2026-10-01T09:00:00", ("time_invalid", "--since", "with a zone")),
        ("lift --window " + "9" * 30 + "d", ("duration_invalid", "--window", "at most 366d")),
        ("lift --window 367d", ("duration_invalid", "--window", "at most 366d")),
        ("lift --effect -1", ("effect_invalid", "effect", "above 0 and below 1")),
        ("lift --campaign spring", ("campaign_unknown", "campaign_id")),
        ("train --as-of yesterday", ("time_invalid", "--as-of", "with a zone")),
        ("backtest --open-window 0m", ("duration_invalid", "--open-window")),
        ("backtest --decisions a.csv --out b", ("file_missing", "--decisions")),
        ("score --out nowhere/b.parquet", ("file_unwritable", "--out", "nowhere/b.parquet")),
        ("score --out .", ("file_unwritable", "--out")),
        ("explain ann --out nowhere/b.png", ("file_unwritable", "--out")),
        ("plan nowhere.json", ("file_missing", "CAMPAIGN.json", "nowhere.json")),
        ("bill rate-card nowhere.json", ("file_missing", "FILE", "nowhere.json")),
        ("bill rate-card card.json --tenant nobody", ("tenant_unknown", "tenant create")),
        ("bill statement --period 2026-09 --tenant nobody", ("tenant_unknown", "tenant create")),
        ("bill close --period 2026-09 --tenant nobody", ("tenant_unknown", "tenant create")),
        ("score --tenant nobody", ("tenant_unknown", "tenant create")),
        ("score --tenant nobody --open-window 2h --out b", ("tenant_unknown", "tenant create")),
        ("tenant create shop --timezone CST", ("zone_invalid", "timezone", "Europe/Berlin")),
        ("tenant create shop --timezone localtime", ("zone_invalid", "timezone")),
        ("verify --home h\udcff", ("setting_invalid", "--home", "UTF-8")),
        ("ingest card.json --home h\udcff", ("setting_invalid", "--home", "UTF-8")),
        ("verify --home card.json", ("home_unknown", "--home", "card.json")),
        (
            "plan card.json",
            (
                "missing_field",
                "/campaign_id",
                "/variants: is missing",
                "/send_window: is missing",
                "/audience: is missing",
                "/currency: is not known here",
            ),
        ),
        ("plan", ("option_missing", "CAMPAIGN.json", "plan --example")),
        ("explain nobody", ("user_unknown", "letter by letter", "PUT /v1/users/{user_id}")),
        ("ingest card.json", ("missing_field", "card.json", "event_id", "currency")),
    ],
)
def test_it_names_the_place_the_limit_and_the_fix(
    ended: Ended, folder: Path, arguments: str, told: tuple[str, ...]
) -> None:
    (folder / "card.json").write_text(RATE_CARD)
    status, out, err = ended(*arguments.split())
    assert (status, out) == (2, ""), err
    for words in told:
        assert words in err


def test_a_full_disk_is_told_and_leaves_no_scores_behind(
    ended: Ended, trained_home: Path, tmp_path: Path
) -> None:
    home = shutil.copytree(trained_home, tmp_path / "trained")
    status, out, err = ended("score", "--out", "/dev/full", "--home", str(home))
    assert (status, out) == (1, "")
    assert "disk_failed" in err
    assert "No space left" in err
    assert not [file for file in (home / "scores").rglob("*") if file.is_file()]


@pytest.mark.parametrize(
    "command",
    [
        "bill statement --period 2026-09", "bill close --period 2026-09",
        "bill rate-card card.json", "key list", "key revoke 0123456789abcdef",
        "run", "serve", "dispatch", "append", "models list", "models ui", "verify",
    ],
)  # fmt: skip
def test_a_home_that_is_none_is_said_to_be_none_and_not_begun(
    ended: Ended, folder: Path, command: str
) -> None:
    (folder / "card.json").write_text(RATE_CARD)
    status, _, err = ended(*command.split(), "--home", "typo")
    assert status == 2
    assert "home_unknown: --home: typo holds no sendopt home" in err
    assert not (folder / "typo").exists()


def test_the_example_of_a_campaign_can_be_planned_as_it_is(ended: Ended, folder: Path) -> None:
    status, out, _ = ended("plan", "--example")
    assert status == 0
    (folder / "campaign.json").write_text(out)
    status, out, err = ended("plan", "campaign.json")
    assert status == 0, err
    assert "A preview: nothing was stored." in out


def test_every_slip_in_a_file_stands_on_a_line_of_its_own_with_what_was_meant(
    ended: Ended, folder: Path
) -> None:
    card = {**json.loads(RATE_CARD), "curency": "EUR", "click_price_minor": 2}
    del card["currency"]
    (folder / "card.json").write_text(json.dumps(card))
    status, out, err = ended("bill", "rate-card", "card.json", "--json")
    assert status == 2
    assert err.splitlines() == [
        "missing_field: /currency: is missing; expected text in double quotes",
        "wrong_type: /click_price_minor: is a number; expected text in double quotes",
        "unknown_field: /curency: is not known here; did you mean currency?",
    ]
    told = json.loads(out)["error"]
    assert (told["code"], told["field"]) == ("missing_field", "/currency")
    assert [each["field"] for each in told["errors"]] == [
        *("/currency", "/click_price_minor", "/curency")
    ]


def test_every_variable_that_sets_nothing_is_told(
    ended: Ended, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SENDOPT_HTTP_PORT", "SENDOPT_DELIVER__MAX_ATEMPTS"):
        monkeypatch.setenv(name, "1")
    status, _, err = ended("settings")
    assert status == 2
    assert "SENDOPT_HTTP__PORT is one" in err
    assert "SENDOPT_DELIVER__MAX_ATTEMPTS is one" in err
