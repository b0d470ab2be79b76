"""Whether a user may be sent anything, and what the user wants of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from sendopt.records.campaign import QuietHours
from sendopt.records.ids import UserId


class ConsentDoor(StrEnum):
    """Through which door a statement came in: its source, where it names none itself."""

    API = "api"
    IMPORT = "import"
    DEVICE = "device"  # a page or an app, with the token of a message or of its user


@dataclass(frozen=True, slots=True)
class Consent:
    """A user's word on whether anything may be sent; the latest holds, of two at once the opt-out.

    It is about everything. Channel and message type tell on what occasion it was said.
    """

    user_id: UserId
    given: bool  # False = an opt-out
    at: datetime  # when the user said so
    source: str | None = None  # where, such as "preference page"; None = the door tells
    channel: str | None = None
    message_type: str | None = None


@dataclass(frozen=True, slots=True)
class KeptConsent(Consent):
    """A statement as it is kept; its source is known."""

    received_at: datetime = field(kw_only=True)


@dataclass(frozen=True, slots=True)
class Preferences:
    """What a user wants of messages, and when, beside the limits of each campaign."""

    topics: Mapping[str, bool] = field(default_factory=dict)  # by message type; unnamed = wanted
    quiet_hours: QuietHours | None = None  # on the user's own clock
    snoozed_until: datetime | None = None  # nothing is sent before it

    def wants(self, message_type: str | None) -> bool:
        """Tell whether messages of this type may be sent at all."""
        return message_type is None or self.topics.get(message_type, True)


#: Of a user who has said nothing.
NO_PREFERENCES = Preferences()
