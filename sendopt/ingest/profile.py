"""Reads the profile of a user: what the tenant's own systems know of a person."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sendopt.errors import together
from sendopt.ingest.consent import ConsentBody, said_beside, why_no_user
from sendopt.ingest.fields import Text, Timezone
from sendopt.ingest.reading import Reading
from sendopt.records import UserId
from sendopt.strict_json import StrictModel, examined


class ProfileBody(StrictModel):
    """A profile as JSON. The zone must be there: null erases, a slip of the pen must not."""

    timezone: Timezone | None
    consent: ConsentBody | None = None  # what the user says on being sent to at all


class ProfileRow(StrictModel):
    """A profile among others. A zone that is left out stays as it is; null erases it."""

    user_id: Text
    timezone: Timezone | None = None
    consent: ConsentBody | None = None


@dataclass(frozen=True, slots=True)
class Profile:
    """What there is to know of a user without a device."""

    user_id: UserId
    timezone: str | None  # IANA; None = unknown
    is_zone_said: bool = True  # else what is stored stays


def read_profile(user_id: str, body: Any, *, now: datetime) -> Reading[Profile]:
    """Read the profile of `user_id`, which events and devices could name too.

    It is refused for all that is wrong, as `text_invalid` (the id), `zone_invalid`,
    `missing_field`, `unknown_field`, `wrong_type`, and as `read_consent`; an opt-out always counts.
    """
    beside = said_beside(body, user_id=user_id, now=now)
    read, faults = examined(ProfileBody, beside.rest)
    whose = why_no_user(user_id)
    faults = [*([] if whose is None else [whose]), *faults, *beside.faults]
    if read is None or faults:
        return Reading(None, together(faults), beside.opt_out, beside.dropped_fields)
    profile = Profile(UserId(user_id), read.timezone)
    return Reading(profile, None, beside.consent, beside.dropped_fields)


def read_profile_row(body: Any, *, now: datetime) -> Reading[Profile]:
    """Read a profile that names its user itself, else as `read_profile`."""
    beside = said_beside(body, now=now)
    read, faults = examined(ProfileRow, beside.rest)
    faults += beside.faults
    if read is None or faults:
        return Reading(None, together(faults), beside.opt_out, beside.dropped_fields)
    profile = Profile(UserId(read.user_id), read.timezone, "timezone" in read.model_fields_set)
    return Reading(profile, None, beside.consent, beside.dropped_fields)
