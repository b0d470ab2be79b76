"""What push services allow: the hours in which they show nothing, their quotas and rates."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from typing import Annotated, Literal

from pydantic import Field

from sendopt.records import MessageClass
from sendopt.rules.rows import AnyRow, HoursRow, PastReview, Row, read_rows, tables_of

_FILE = "vendor_rules.toml"
_Text = Annotated[str, Field(min_length=1)]
_Count = Annotated[int, Field(ge=1)]


class Vendor(StrEnum):
    """Whoever runs a push service."""

    HUAWEI = "huawei"
    HARMONYOS = "harmonyos"
    HONOR = "honor"
    XIAOMI = "xiaomi"
    OPPO = "oppo"
    VIVO = "vivo"
    MEIZU = "meizu"
    CHROME = "chrome"  # of Web Push to this browser
    FCM = "fcm"


_Vendor = Annotated[Vendor, Field(strict=False)]
_Class = Annotated[MessageClass, Field(strict=False)]


class DeadHours(HoursRow):
    """Local hours in which a service shows nothing, whatever it has accepted."""

    vendor: _Vendor
    message_classes: Annotated[list[_Class], Field(min_length=1)]
    condition: _Text  # "always", or when


class DeviceQuota(Row):
    """How many messages of a class one device is shown on one calendar day of the service."""

    vendor: _Vendor
    message_class: _Class
    category: Literal["news", "other", "unclassified"]  # of the app, as the service has it
    per_day: _Count
    counts: Literal["requests", "arrivals", "unsaid"]  # what uses it up


class Rate(Row):
    """How many messages, or requests, a service takes of an app in a minute."""

    vendor: _Vendor
    per_minute: _Count
    condition: _Text


class Ceiling(Row):
    """A number that something has at most."""

    vendor: _Vendor
    what: _Text
    at_most: _Count


@dataclass(frozen=True, slots=True)
class VendorRules:
    """Everything that is known of one service; nothing = nothing is known."""

    hours: tuple[DeadHours, ...] = ()
    device_quotas: tuple[DeviceQuota, ...] = ()
    rates: tuple[Rate, ...] = ()
    ceilings: tuple[Ceiling, ...] = ()


@cache
def vendor_rules(vendor: Vendor) -> VendorRules:
    """Return the rules of a push service."""
    return VendorRules(
        hours=tuple(each for each in _read(DeadHours, "hours") if each.vendor is vendor),
        device_quotas=tuple(
            each for each in _read(DeviceQuota, "device_quota") if each.vendor is vendor
        ),
        rates=tuple(each for each in _read(Rate, "rate") if each.vendor is vendor),
        ceilings=tuple(each for each in _read(Ceiling, "ceiling") if each.vendor is vendor),
    )


def past_review(today: date) -> list[PastReview]:
    """Return the rules of services that somebody should have looked at again by today."""
    return [
        PastReview(f"a rule of {vendor}", row.source, row.review_by)
        for vendor in Vendor
        for rules in (vendor_rules(vendor),)
        for row in (*rules.hours, *rules.device_quotas, *rules.rates, *rules.ceilings)
        if row.review_by < today
    ]


def _read(model: type[AnyRow], name: str) -> tuple[AnyRow, ...]:
    return read_rows(model, tables_of(_FILE)[name], at=f"{_FILE}/{name}")
