"""A definition is read as it was meant, or refused with the place, the rule and a code."""

from __future__ import annotations

import copy
import json
from contextlib import suppress
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendopt import strict_json
from sendopt.errors import InvalidInput
from sendopt.records import Channel, Holdout, QuietHours
from sendopt.schedule import EXAMPLE, parse_campaign
from sendopt.schedule.planning_defaults import PlanningDefaults

NOW = datetime(2026, 10, 1, tzinfo=UTC)
LEAVE_OUT = object()


def changed(pointer: str, value: Any) -> Any:
    """Return the example with `value` at `pointer`, or without what stands there."""
    definition = copy.deepcopy(EXAMPLE)
    *path, last = [int(part) if part.isdigit() else part for part in pointer[1:].split("/")]
    place: Any = definition
    for part in path:
        place = place[part]
    if value is LEAVE_OUT:
        del place[last]
    else:
        place[last] = value
    return definition


def test_the_example_says_everything_it_can() -> None:
    campaign = parse_campaign(json.loads(json.dumps(EXAMPLE)), now=NOW)
    assert campaign.channel is Channel.WEB_PUSH
    assert campaign.earliest_at == datetime(2026, 10, 24, 22, tzinfo=UTC)
    assert campaign.latest_at == datetime(2026, 10, 25, 23, tzinfo=UTC)
    assert campaign.audience is None
    assert campaign.quiet_hours == QuietHours(time(22), time(8))
    assert campaign.candidate_times == {
        "user-7": (datetime(2026, 10, 25, 8, tzinfo=UTC), datetime(2026, 10, 25, 17, tzinfo=UTC))
    }
    assert campaign.variants[0].url == "https://shop.example/autumn"


@pytest.mark.parametrize(
    "field",
    [
        "slot_minutes",
        "fallback_local_time",
        "time_to_live_minutes",
        "message_type",
        "message_class",
        "response_value",
    ],
)
def test_the_example_names_the_defaults(field: str) -> None:
    given_all = parse_campaign(EXAMPLE, now=NOW)
    without = parse_campaign(changed(f"/{field}", LEAVE_OUT), now=NOW)
    assert without.slot == given_all.slot
    assert without.fallback_local_time == given_all.fallback_local_time
    assert without.time_to_live == given_all.time_to_live
    assert (without.message_type is None) == (field == "message_type")
    assert without.message_class == given_all.message_class
    assert without.response_value == given_all.response_value


def test_only_who_chose_a_time_is_held_to_it() -> None:
    defaults = PlanningDefaults(least_confidence=0.7)

    def least(definition: Any) -> float | None:
        return parse_campaign(definition, now=NOW, defaults=defaults).least_confidence

    silent = changed("/least_confidence", LEAVE_OUT)
    assert least(silent) == 0.7
    del silent["fallback_local_time"]
    assert least(silent) is None
    assert least(EXAMPLE) == 0.5, "what the campaign says counts first"


def test_a_campaign_says_for_itself_whether_it_experiments() -> None:
    defaults = PlanningDefaults(holdout=Holdout(0.2))
    for value, expected in (
        (LEAVE_OUT, Holdout(0.2)),
        (None, None),
        ({"share": 0}, None),
        ({"share": 0.1, "time": "random"}, Holdout(0.1, "random")),
    ):
        definition = changed("/holdout", value)
        assert parse_campaign(definition, now=NOW, defaults=defaults).holdout == expected


def test_people_can_be_woken_only_by_saying_so() -> None:
    assert parse_campaign(changed("/quiet_hours", None), now=NOW).quiet_hours is None
    with pytest.raises(InvalidInput) as refusal:
        parse_campaign(changed("/quiet_hours", LEAVE_OUT), now=NOW)
    assert (refusal.value.code, refusal.value.field) == ("missing_field", "/quiet_hours")


def test_a_stored_definition_is_read_again_with_the_instant_of_its_acceptance() -> None:
    after = datetime(2026, 10, 25, 23, tzinfo=UTC)  # the window's end is no part of it
    with pytest.raises(InvalidInput) as refusal:
        parse_campaign(EXAMPLE, now=after)
    assert (refusal.value.code, refusal.value.field) == (
        "no_feasible_slot",
        "/send_window/latest_at",
    )
    assert parse_campaign(EXAMPLE, now=NOW) == parse_campaign(EXAMPLE, now=NOW + timedelta(days=20))


EARLIEST, LATEST = "/send_window/earliest_at", "/send_window/latest_at"
AUTUMN = EXAMPLE["send_window"]["earliest_at"]
TIMES = "/candidate_times/user-7"
TITLE, URL = "/variants/0/title", "/variants/0/url"


@pytest.mark.parametrize(
    ("pointer", "value", "code", "field"),
    [
        # Windows.
        (LATEST, "2026-10-24T00:00:00+02:00", "window_invalid", "/send_window"),
        (LATEST, AUTUMN, "window_invalid", "/send_window"),
        (LATEST, "2026-12-25T00:00:00+02:00", "window_invalid", "/send_window"),
        ("/send_window", None, "wrong_type", "/send_window"),
        ("/send_window", {}, "missing_field", EARLIEST),
        # Instants.
        (EARLIEST, "2026-10-25T00:00:00", "time_invalid", EARLIEST),
        (EARLIEST, "2026-10-25", "time_invalid", EARLIEST),
        (EARLIEST, "2026-02-31T00:00:00Z", "time_invalid", EARLIEST),
        (EARLIEST, "2026-10-24T24:00:00Z", "time_invalid", EARLIEST),
        (EARLIEST, "2026-10-24T23:59:60Z", "time_invalid", EARLIEST),
        (EARLIEST, "2026-10-25T00:00:00 Europe/Berlin", "time_invalid", EARLIEST),
        (EARLIEST, "2026-10-25T00:00:00+99:00", "time_invalid", EARLIEST),
        (EARLIEST, "0001-01-01T00:00:00+14:00", "time_invalid", EARLIEST),
        (EARLIEST, "٢٠٢٦-10-25T00:00:00Z", "time_invalid", EARLIEST),
        (EARLIEST, 1792886400, "time_invalid", EARLIEST),
        (EARLIEST, 1792886400000, "time_invalid", EARLIEST),
        (EARLIEST, None, "time_invalid", EARLIEST),
        # Quiet hours and local times.
        ("/quiet_hours", {"start": "22:00", "end": "22:00"}, "no_feasible_slot", "/quiet_hours"),
        ("/quiet_hours/start", "24:00", "time_invalid", "/quiet_hours/start"),
        ("/quiet_hours/start", "8", "time_invalid", "/quiet_hours/start"),
        ("/quiet_hours/start", "2٢:00", "time_invalid", "/quiet_hours/start"),
        ("/quiet_hours/start", 22, "time_invalid", "/quiet_hours/start"),
        ("/quiet_hours/end", "08:00:30", "time_invalid", "/quiet_hours/end"),
        ("/fallback_local_time", "6 pm", "time_invalid", "/fallback_local_time"),
        # Slots and lifetimes.
        ("/slot_minutes", 0, "invalid", "/slot_minutes"),
        ("/slot_minutes", 1, "invalid", "/slot_minutes"),
        ("/slot_minutes", 7, "invalid", "/slot_minutes"),
        ("/slot_minutes", -60, "invalid", "/slot_minutes"),
        ("/slot_minutes", 2880, "invalid", "/slot_minutes"),
        ("/slot_minutes", 2**62, "invalid", "/slot_minutes"),
        ("/slot_minutes", "60", "wrong_type", "/slot_minutes"),
        ("/slot_minutes", 60.0, "wrong_type", "/slot_minutes"),
        ("/slot_minutes", True, "wrong_type", "/slot_minutes"),
        ("/time_to_live_minutes", 0, "invalid", "/time_to_live_minutes"),
        ("/time_to_live_minutes", 28 * 1440 + 1, "invalid", "/time_to_live_minutes"),
        # Names.
        ("/campaign_id", "", "id_invalid", "/campaign_id"),
        ("/campaign_id", "a" * 129, "id_invalid", "/campaign_id"),
        ("/campaign_id", "autumn sale", "id_invalid", "/campaign_id"),
        ("/campaign_id", "autumn/sale", "id_invalid", "/campaign_id"),
        ("/campaign_id", "..", "id_invalid", "/campaign_id"),
        ("/campaign_id", "autumn\n", "id_invalid", "/campaign_id"),
        ("/campaign_id", 7, "wrong_type", "/campaign_id"),
        ("/message_type", "a b", "id_invalid", "/message_type"),
        ("/channel", "pigeon", "invalid", "/channel"),
        ("/tenant_id", "other", "unknown_field", "/tenant_id"),
        # What a message is worth, and what it is.
        ("/message_class", "Marketing", "invalid", "/message_class"),
        ("/message_class", None, "invalid", "/message_class"),
        ("/response_value", 0, "invalid", "/response_value"),
        ("/response_value", -1.0, "invalid", "/response_value"),
        ("/response_value", 1000.5, "invalid", "/response_value"),
        ("/response_value", "1", "wrong_type", "/response_value"),
        ("/response_value", float("nan"), "invalid", "/response_value"),
        # The audience.
        ("/audience", [], "audience_invalid", "/audience"),
        ("/audience", None, "wrong_type", "/audience"),
        ("/audience", "all", "wrong_type", "/audience"),
        ("/audience", ["user-7", "user-7"], "duplicate_id", "/audience"),
        ("/audience", ["user-7", ""], "id_invalid", "/audience/1"),
        ("/audience", ["user-7", "a" * 257], "id_invalid", "/audience/1"),
        ("/audience", ["user-7", "a\u202eb"], "id_invalid", "/audience/1"),
        ("/audience", ["user-7", "a\u0007"], "id_invalid", "/audience/1"),
        ("/audience", ["user-7", 8], "wrong_type", "/audience/1"),
        ("/audience", ["user-7", ["user-8"]], "wrong_type", "/audience/1"),
        ("/audience", ["user-8"], "audience_invalid", TIMES),
        # Candidate times.
        (TIMES, [], "invalid", TIMES),
        (TIMES, ["2026-10-26T00:00:00+01:00"], "window_invalid", f"{TIMES}/0"),
        (TIMES, ["2026-10-25T09:00:00"], "time_invalid", f"{TIMES}/0"),
        (TIMES, "2026-10-25T09:00:00Z", "wrong_type", TIMES),
        # Texts.
        ("/variants", [], "invalid", "/variants"),
        ("/variants", [EXAMPLE["variants"][0]] * 2, "duplicate_id", "/variants/1/variant_id"),
        ("/variants/0/variant_id", "a b", "id_invalid", "/variants/0/variant_id"),
        (TITLE, "", "text_invalid", TITLE),
        (TITLE, " \n", "text_invalid", TITLE),
        (TITLE, "gnp.\u202eexe", "text_invalid", TITLE),
        (TITLE, "bell\u0007", "text_invalid", TITLE),
        (TITLE, "line\u2028", "text_invalid", TITLE),
        (TITLE, "null\x00", "text_invalid", TITLE),
        (TITLE, "ü" * 1400, "payload_too_large", "/variants/0/body"),
        (TITLE, None, "wrong_type", TITLE),
        # Links.
        (URL, "/autumn", "url_not_allowed", URL),
        (URL, "shop.example", "url_not_allowed", URL),
        (URL, "//shop.example", "url_not_allowed", URL),
        (URL, "javascript:alert(1)", "url_not_allowed", URL),
        (URL, "ftp://shop.example", "url_not_allowed", URL),
        (URL, "https://user:pass@shop.example", "url_not_allowed", URL),
        (URL, "https://@shop.example", "url_not_allowed", URL),
        (URL, "https://", "url_not_allowed", URL),
        (URL, "https:///path", "url_not_allowed", URL),
        (URL, "https://:443/", "url_not_allowed", URL),
        (URL, "https://shop.example:99999/", "url_not_allowed", URL),
        (URL, "https://shop.example:x/", "url_not_allowed", URL),
        (URL, "https://[::1", "url_not_allowed", URL),
        (URL, "https://shop.example\\@evil.example", "url_not_allowed", URL),
        (URL, "https://shop.example/\r\nSet-Cookie: a=b", "url_not_allowed", URL),
        (URL, "https://shop.example/a b", "url_not_allowed", URL),
        (URL, "https://shöp.example/", "url_not_allowed", URL),
        (URL, "https://shop.example/" + "a" * 2048, "url_not_allowed", URL),
        (URL, 7, "wrong_type", URL),
    ],
)
def test_what_cannot_be_meant_is_refused(pointer: str, value: Any, code: str, field: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        parse_campaign(changed(pointer, value), now=NOW)
    assert (refusal.value.code, refusal.value.field) == (code, field)


@pytest.mark.parametrize(
    ("pointer", "value"),
    [
        (TITLE, "שלום 👩‍👩‍👧 สวัสดี"),
        (TITLE, "two\nlines"),
        (URL, "http://shop.example:8080/a?b=%20#c"),
        (URL, "https://[2001:db8::1]/"),
        (URL, None),
        ("/audience", ["user-7", "user 8", "ümlaut@example.com", "7/8"]),
        (TIMES, [AUTUMN]),
        ("/candidate_times", LEAVE_OUT),
        ("/candidate_times", None),
        (EARLIEST, "2026-10-25T00:00Z"),
        (EARLIEST, "2026-10-25T00:00:00.123456-11:00"),
    ],
)
def test_what_is_unusual_and_clear_is_taken(pointer: str, value: Any) -> None:
    definition = changed(pointer, value)
    if pointer == EARLIEST:
        del definition["candidate_times"]
    parse_campaign(definition, now=NOW)


@pytest.mark.parametrize("definition", [None, [], "campaign", 7, {}, {"campaign_id": "a"}])
def test_what_is_no_definition_is_refused(definition: Any) -> None:
    with pytest.raises(InvalidInput) as refusal:
        parse_campaign(definition, now=NOW)
    assert refusal.value.code in {"wrong_type", "missing_field"}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(
    pointer=st.sampled_from(
        [f"/{field}" for field in EXAMPLE] + [EARLIEST, TIMES, TITLE, URL, "/variants/0"]
    ),
    value=json_values,
)
def test_any_json_in_any_place_is_read_or_refused_as_input(pointer: str, value: Any) -> None:
    body = json.dumps(changed(pointer, value), ensure_ascii=False).encode()
    with suppress(InvalidInput):
        parse_campaign(strict_json.loads(body), now=NOW)


def test_all_that_is_wrong_is_told_at_once_fields_and_what_is_between_them() -> None:
    definition = changed(LATEST, "2026-10-24T00:00:00+02:00")
    definition["channel"] = "pigeon"
    definition["variants"] = [
        {"variant_id": "a", "title": "", "body": "x" * 3_000, "titel": "?"},
        {"variant_id": "a", "title": "{{name}}", "body": "fine"},
    ]
    definition["audience"] = ["user-8", "user-8", ""]
    definition["quiet_hours"] = {"start": "22:00", "end": "22:00"}
    definition["exploration"] = {"policy": "epsilon_greedy", "share": 2}
    definition["fallback_time"] = "18:00"
    del definition["slot_minutes"]
    with pytest.raises(InvalidInput) as refusal:
        parse_campaign(definition, now=NOW)
    told = str(refusal.value)
    for pointer in (
        *("/channel", "/variants/0/title", "/variants/0/titel", "/variants/1/title"),
        *("/audience/2", "/exploration/share", "/fallback_time"),
        *("/variants/1/variant_id", "/variants/0/body", "/send_window", "/audience", TIMES),
        *("/quiet_hours", "/exploration/epsilon"),
    ):
        assert f"{pointer}: " in told, pointer
    assert "more" not in told.rsplit("also wrong", 1)[1], "nothing is kept back for a second round"


def test_once_all_that_was_told_is_mended_the_campaign_is_taken() -> None:
    definition = changed("/candidate_times", {"user-7": ["soon", "2027-01-01T00:00:00Z"]})
    definition["audience"] = ["user-8"]
    with pytest.raises(InvalidInput) as refusal:
        parse_campaign(definition, now=NOW)
    for pointer in (f"{TIMES}/0: ", f"{TIMES}/1: ", f"{TIMES}: "):
        assert pointer in str(refusal.value)
    definition["candidate_times"] = {"user-8": [AUTUMN]}
    parse_campaign(definition, now=NOW)


@pytest.mark.parametrize(
    ("pointer", "name", "meant"),
    [
        ("", "fallback_localtime", "fallback_local_time"),
        ("/send_window", "earliest", "earliest_at"),
        ("/variants/0", "titel", "title"),
        ("/exploration", "epsilons", "epsilon"),
    ],
)
def test_an_unknown_field_is_told_with_the_one_that_is_nearest(
    pointer: str, name: str, meant: str
) -> None:
    with pytest.raises(InvalidInput) as refusal:
        parse_campaign(changed(f"{pointer}/{name}", "?"), now=NOW)
    assert (refusal.value.code, refusal.value.field) == ("unknown_field", f"{pointer}/{name}")
    assert refusal.value.hint == f"did you mean {meant}?"


@pytest.mark.parametrize("field", ["title", "body"])
@pytest.mark.parametrize(
    "text",
    [
        *("Hello {{name}}", "{{ first_name | default: 'you' }}", "Hi {% if vip %}VIP{% endif %}"),
        *("Hi ${name}", "Hi #{name}", "Hi <%= name %>", "Hi *|FNAME|*", "Hi [[name]]"),
        *("Hi %s", "%s, hi", "Hi %1$s", "Hi %(name)s", "%d left", "Hi %NAME%", "Hi %%name%%"),
        *("Hi {name}", "Hi {user.name}", "Hi {0}", "Hi {}", "{count, plural, one {one} other {#}}"),
    ],
)
def test_a_placeholder_that_nobody_fills_in_is_refused(field: str, text: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        parse_campaign(changed(f"/variants/0/{field}", text), now=NOW)
    assert refusal.value.code == "placeholder_unfilled"
    assert refusal.value.field == f"/variants/0/{field}"
    assert "as it stands" in refusal.value.message


@pytest.mark.parametrize("url", ["https://a.example/?u={{id}}", "https://a.example/?u=%7B%7Bid"])
def test_a_link_with_a_placeholder_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        parse_campaign(changed(URL, url), now=NOW)
    assert (refusal.value.code, refusal.value.field) == ("placeholder_unfilled", URL)


@pytest.mark.parametrize(
    "text",
    [
        *("-50% today", "50 %", "50% off, 20% off", "100%safe", "5% de descuento", "5 %."),
        *("$5 off", ":-{", "<3", "<b>new</b>", "[new] arrivals", "#sale @home"),
        *("1 < 2 > 0", "use code SAVE_20", "C:\\dir", "100 % sure"),
    ],
)
def test_signs_that_are_no_placeholder_are_sent(text: str) -> None:
    for field in ("title", "body"):
        parse_campaign(changed(f"/variants/0/{field}", text), now=NOW)


def test_the_documented_campaign_is_one() -> None:
    page = (Path(__file__).parents[2] / "docs" / "campaigns.md").read_text(encoding="utf-8")
    block = page.split("```json\n")[1].split("```")[0]
    parse_campaign(strict_json.loads(block.encode()), now=NOW)
