"""Settings of an issuer that would open the API to others are refused, naming the variable."""

from __future__ import annotations

import pytest

from sendopt.errors import InvalidInput
from sendopt.settings import load_settings

GOOD = {"ISSUER": "https://login.example/realms/one", "AUDIENCE": "sendopt"}


def load(monkeypatch: pytest.MonkeyPatch, **values: str) -> None:
    for name, value in values.items():
        monkeypatch.setenv(f"SENDOPT_OIDC__{name}", value)
    load_settings()


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"ISSUER": "http://127.0.0.1:8080"},
        {"ALGORITHMS": '["ES256", "EdDSA"]'},
        {"GRANTS": '{"team": {"tenant": "shop", "roles": ["analyst"]}, "sre": {"roles": ["o"]}}'},
    ],
)
def test_an_issuer_is_set(monkeypatch: pytest.MonkeyPatch, more: dict[str, str]) -> None:
    load(monkeypatch, **GOOD | more)


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"AUDIENCE": ""}, "AUDIENCE"),
        ({"ISSUER": "http://login.example"}, "ISSUER"),
        ({"ISSUER": "login.example"}, "ISSUER"),
        ({"ISSUER": "https:///realms"}, "ISSUER"),
        ({"ALGORITHMS": '["HS256"]'}, "ALGORITHMS__0"),
        ({"ALGORITHMS": '["none"]'}, "ALGORITHMS__0"),
        ({"ALGORITHMS": "[]"}, "ALGORITHMS"),
        ({"ALGORITHMS": "RS256"}, "ALGORITHMS"),
        ({"GRANTS": "[]"}, "GRANTS"),
        ({"GRANTS": "team"}, "GRANTS"),
        ({"GRANTS": '{"team": {"tenant": "shop"}}'}, "GRANTS__TEAM__ROLES"),
        ({"GRANTS": '{"team": {"tenant": "shop", "roles": []}}'}, "GRANTS__TEAM__ROLES"),
        ({"GRANTS": '{"team": {"tenent": "shop", "roles": ["a"]}}'}, "GRANTS__TEAM__TENENT"),
    ],
)
def test_what_would_open_too_much_or_nothing_is_refused(
    monkeypatch: pytest.MonkeyPatch, more: dict[str, str], field: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        load(monkeypatch, **GOOD | more)
    assert f"SENDOPT_OIDC__{field}" in [each.field for each in refused.value.faults]
