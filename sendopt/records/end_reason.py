"""Why sends end."""

from __future__ import annotations

from enum import StrEnum
from typing import Self

from sendopt.records.send_state import SendState


class EndReason(StrEnum):
    """Why a send has ended: its one reason, the state that it ends in, and what that means.

    A provider that is not part of sendopt refuses a message by the one that comes nearest.
    """

    state: SendState
    meaning: str

    def __new__(cls, text: str, state: SendState = SendState.FAILED, meaning: str = "") -> Self:
        """Make a member that is its text; who looks one up gives the text alone."""
        member = str.__new__(cls, text)
        member._value_ = text
        member.state = state
        member.meaning = meaning
        return member

    ACCEPTED = "accepted", SendState.DELIVERED, "the provider took responsibility"

    TOO_LATE = "too_late", SendState.EXPIRED, "nobody came to it before it expired"
    OUTCOME_UNKNOWN = (
        "outcome_unknown",
        SendState.EXPIRED,
        "it is not tried again, and an attempt that nobody told the outcome of may have arrived",
    )
    QUIET_HOURS = "quiet_hours", SendState.EXPIRED, "the quiet hours end after its expiry"
    LEGAL_HOURS = (
        "legal_hours",
        SendState.EXPIRED,
        "the hours in which the law forbids it end after its expiry",
    )
    NO_TIME_TO_RETRY = (
        "no_time_to_retry",
        SendState.EXPIRED,
        "the next attempt would come after its expiry",
    )

    CAMPAIGN_PAUSED = "campaign_paused", SendState.EXPIRED, "its campaign was paused until then"

    CAMPAIGN_CANCELLED = "campaign_cancelled", SendState.CANCELLED, "its campaign was cancelled"
    CAMPAIGN_REVISED = (
        "campaign_revised",
        SendState.CANCELLED,
        "a revision of its campaign is not for its user",
    )
    SEND_CANCELLED = "send_cancelled", SendState.CANCELLED, "it alone was cancelled"
    USER_ERASED = "user_erased", SendState.CANCELLED, "its user was erased"

    OPTED_OUT = "opted_out", SendState.SUPPRESSED, "the user wants no messages"
    TOPIC_UNWANTED = (
        "topic_unwanted",
        SendState.SUPPRESSED,
        "the user wants no messages of its type",
    )
    SNOOZED = (
        "snoozed",
        SendState.SUPPRESSED,
        "the user wants nothing before a time at which it is over",
    )
    NO_DEVICE = "no_device", SendState.SUPPRESSED, "the user has no device on the channel"
    DEVICE_DEAD = (
        "device_dead",
        SendState.SUPPRESSED,
        "the provider has said that its device is gone",
    )
    USER_UNKNOWN = (
        "user_unknown",
        SendState.SUPPRESSED,
        "the audience names a user of whom nothing was ever heard",
    )
    KEPT_BACK = (
        "kept_back",
        SendState.SUPPRESSED,
        "it is of the share that nobody gets, so that the effect of sending is measured",
    )
    NO_ALLOWED_SLOT = (
        "no_allowed_slot",
        SendState.SUPPRESSED,
        "window, quiet hours and candidate times leave no time",
    )
    FREQUENCY_CAP = (
        "frequency_cap",
        SendState.SUPPRESSED,
        "at every time that is left its user has as many messages as may be, or one too near",
    )
    WEEKLY_BUDGET = (
        "weekly_budget",
        SendState.SUPPRESSED,
        "at every time that is left its user's budget of the week is spent",
    )
    VENDOR_QUOTA = (
        "vendor_quota",
        SendState.SUPPRESSED,
        "the push service takes no more for its user, on every day that is left",
    )
    NOT_WORTH_ITS_COST = (
        "not_worth_its_cost",
        SendState.SUPPRESSED,
        "at no time that is left it is as likely to be answered as a message costs",
    )
    CAPACITY = (
        "capacity",
        SendState.SUPPRESSED,
        "at every time that is left as many fall due as may",
    )

    GAVE_UP = "gave_up", SendState.FAILED, "the most attempts were made"
    RECORD_MISSING = (
        "record_missing",
        SendState.FAILED,
        "its campaign, content or decision is not in the store",
    )
    RECORD_DAMAGED = (
        "record_damaged",
        SendState.FAILED,
        "the store holds something of it that nobody can read",
    )
    MESSAGE_UNUSABLE = (
        "message_unusable",
        SendState.FAILED,
        "no message or request can be made of what is stored",
    )
    ADDRESS_INVALID = "address_invalid", SendState.FAILED, "the address of its device is none"
    ADDRESS_NOT_PUBLIC = (
        "address_not_public",
        SendState.FAILED,
        "the address of its device leads into a private network",
    )
    URL_MALFORMED = "url_malformed", SendState.FAILED, "the address of its device is no URL"
    ENDPOINT_GONE = "endpoint_gone", SendState.FAILED, "the webhook's receiver wants no more: 410"
    SUBSCRIPTION_EXPIRED = (
        "subscription_expired",
        SendState.FAILED,
        "the push service knows the subscription no more: 404",
    )
    SUBSCRIPTION_GONE = (
        "subscription_gone",
        SendState.FAILED,
        "the push service has ended the subscription: 410",
    )
    PAYLOAD_TOO_LARGE = "payload_too_large", SendState.FAILED, "the provider takes none so large"
    REDIRECTED = "redirected", SendState.FAILED, "the push service answered with a redirect"
    REQUEST_REFUSED = "request_refused", SendState.FAILED, "the push service refused the request"
    VAPID_REFUSED = "vapid_refused", SendState.FAILED, "the push service refused the VAPID key"
