"""Reads the profile of a user: what the tenant's own systems know of a person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from sendopt.errors import together
from sendopt.ingest.fields import Text, Timezone
from sendopt.records import UserId
from sendopt.strict_json import StrictModel, examined, from_pydantic


class ProfileBody(StrictModel):
    """A profile as JSON. Every field must be there: null erases, a slip of the pen must not."""

    timezone: Timezone | None


@dataclass(frozen=True, slots=True)
class Profile:
    """What there is to know of a user without a device."""

    user_id: UserId
    timezone: str | None  # IANA; None = unknown


def parse_profile(user_id: str, body: Any) -> Profile:
    """Read the profile of `user_id`, which events and devices could name too.

    Raises:
        InvalidInput: all that is wrong, as `text_invalid` (the id), `zone_invalid`,
            `missing_field`, `unknown_field`, `wrong_type`.
    """
    read, faults = examined(ProfileBody, body)
    try:
        _USER_ID.validate_python(user_id)
    except ValidationError as error:
        faults = [from_pydantic(error, at="user_id"), *faults]
    if read is None or faults:
        raise together(faults)
    return Profile(UserId(user_id), read.timezone)


_USER_ID: TypeAdapter[str] = TypeAdapter(Text)
