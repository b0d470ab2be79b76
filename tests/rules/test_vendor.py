"""What push services allow: read from the file as typed rows, or refused."""

from __future__ import annotations

import copy
from datetime import date, time, timedelta
from typing import Any

import pytest

from sendopt.errors import InvalidInput
from sendopt.records import MessageClass, QuietHours
from sendopt.rules.rows import read_rows, tables_of
from sendopt.rules.vendor import (
    Ceiling,
    DeadHours,
    DeviceQuota,
    Rate,
    Vendor,
    past_review,
    vendor_rules,
)

KINDS = {"hours": DeadHours, "device_quota": DeviceQuota, "rate": Rate, "ceiling": Ceiling}


def test_every_row_belongs_to_one_service() -> None:
    tables = tables_of("vendor_rules.toml")
    assert tables.keys() == KINDS.keys()
    found = [
        row
        for vendor in Vendor
        for rules in (vendor_rules(vendor),)
        for row in (*rules.hours, *rules.device_quotas, *rules.rates, *rules.ceilings)
    ]
    assert len(found) == sum(map(len, tables.values()))
    assert all(vendor_rules(vendor) for vendor in Vendor)


def test_dead_hours_are_those_of_the_phone() -> None:
    (honor,) = vendor_rules(Vendor.HONOR).hours
    assert honor.hours == QuietHours(time(0), time(6))
    assert set(honor.message_classes) == set(MessageClass)
    (vivo,) = vendor_rules(Vendor.VIVO).hours
    assert vivo.hours == QuietHours(time(23), time(7))
    assert vivo.message_classes == [MessageClass.MARKETING]


def test_a_quota_is_one_of_each_category() -> None:
    for vendor in Vendor:
        quotas = vendor_rules(vendor).device_quotas
        assert len({(each.message_class, each.category) for each in quotas}) == len(quotas)
    per_day = {each.category: each.per_day for each in vendor_rules(Vendor.HUAWEI).device_quotas}
    assert per_day == {"news": 5, "other": 2}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("value", [None, 0, -1, "", [], True])
def test_a_row_that_does_not_say_all_that_it_must_is_refused(kind: str, value: Any) -> None:
    rows = tables_of("vendor_rules.toml")[kind]
    assert read_rows(KINDS[kind], rows, at=kind)
    for field in KINDS[kind].model_fields:
        wrong = copy.deepcopy(rows[:1])
        if value is None:
            del wrong[0][field]
        else:
            wrong[0][field] = value
        with pytest.raises(InvalidInput) as refused:
            read_rows(KINDS[kind], wrong, at=kind)
        assert (refused.value.field or "").startswith(f"{kind}/0")


def test_a_rule_that_nobody_has_looked_at_for_long_is_named() -> None:
    assert past_review(date(2026, 12, 1)) == []
    late = past_review(date(2099, 1, 1) + timedelta(days=1))
    assert {each.what for each in late} == {f"a rule of {vendor}" for vendor in Vendor}
