"""What becomes of a send at the edges: at its expiry, at the last attempt, for two reasons."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest

from sendopt.deliver.retry import RetryPolicy
from sendopt.deliver.transitions import after_attempt, before_attempt
from sendopt.records import (
    NEXT_STATES,
    Accepted,
    Attempt,
    CampaignId,
    Channel,
    DeadAddress,
    Device,
    DeviceId,
    DueSend,
    Ended,
    Exclusion,
    Moved,
    Outcome,
    Permanent,
    Postponed,
    Preferences,
    QuietHours,
    Receipt,
    Retry,
    SendId,
    SendState,
    SendTransition,
    TenantId,
    UserId,
    Variant,
    VariantId,
)

NOON = datetime(2026, 10, 1, 12, tzinfo=UTC)
HOUR, MOMENT = timedelta(hours=1), timedelta(microseconds=1)
BEGAN_AT = NOON - timedelta(seconds=1)
#: Without a back-off of its own: a retry comes exactly when the provider asked for it.
AT_ONCE = RetryPolicy(first=timedelta(0), longest=timedelta(0), max_attempts=3)
SIESTA = QuietHours(time(12), time(14))
NO_NEWS = Preferences({"news": False})


def a_send(**changes: object) -> DueSend:
    """A send that is due at noon, for an hour, and that nothing keeps back."""
    user = UserId("ann")
    send = DueSend(
        tenant_id=TenantId("shop"),
        send_id=SendId("s-1"),
        campaign_id=CampaignId("autumn"),
        user_id=user,
        channel=Channel.SIMULATOR,
        due_at=NOON,
        expires_at=NOON + HOUR,
        fence=1,
        attempt_count=0,
        abandoned=False,
        variant=Variant(VariantId("a"), "Sale", "Half price"),
        device=Device(DeviceId("d-1"), user, Channel.SIMULATOR, {}),
        device_dead=False,
        opted_out=False,
        cancelled=False,
        timezone="UTC",
        quiet_hours=None,
        message_type=None,
        propensity=None,
        link_id=None,
    )
    return replace(send, **changes)  # type: ignore[arg-type]


def leads_to(transition: SendTransition) -> SendState:
    return transition.state if isinstance(transition, Ended) else SendState.PLANNED


def before(now: datetime = NOON, **changes: object) -> SendTransition | None:
    transition = before_attempt(a_send(**changes), now=now, retry=AT_ONCE)
    if transition is not None:
        for state in (SendState.PLANNED, SendState.CLAIMED):
            assert leads_to(transition) in {state, *NEXT_STATES[state]}
    return transition


def after(outcome: Outcome, **changes: object) -> SendTransition:
    attempt = Attempt(a_send(**{"attempt_count": 1, **changes}), "simulator", BEGAN_AT)
    transition = after_attempt(Receipt(attempt, outcome), now=NOON, retry=AT_ONCE)
    assert leads_to(transition) in NEXT_STATES[SendState.CLAIMED]
    return transition


@pytest.mark.parametrize(
    ("changes", "state", "reason"),
    [
        # Of two obstacles the first names the transition.
        ({"cancelled": True, "opted_out": True}, SendState.CANCELLED, "campaign_cancelled"),
        ({"opted_out": True, "device": None}, SendState.SUPPRESSED, "opted_out"),
        ({"opted_out": True, "preferences": NO_NEWS}, SendState.SUPPRESSED, "opted_out"),
        (
            {"preferences": NO_NEWS, "message_type": "news", "device": None},
            SendState.SUPPRESSED,
            "topic_unwanted",
        ),
        ({"device": None, "device_dead": True}, SendState.SUPPRESSED, "no_device"),
        ({"device_dead": True, "attempt_count": 3}, SendState.SUPPRESSED, "device_dead"),
        ({"variant": None}, SendState.FAILED, "record_missing"),
        ({"timezone": None}, SendState.FAILED, "record_missing"),
        ({"attempt_count": 3, "expires_at": NOON}, SendState.FAILED, "gave_up"),
        ({"expires_at": NOON}, SendState.EXPIRED, "too_late"),
        ({"expires_at": NOON, "attempt_count": 2}, SendState.EXPIRED, "too_late"),
        ({"expires_at": NOON, "abandoned": True}, SendState.EXPIRED, "outcome_unknown"),
        ({"expires_at": NOON, "put_off": True}, SendState.EXPIRED, "campaign_paused"),
        (
            {"expires_at": NOON, "put_off": True, "opted_out": True},
            SendState.SUPPRESSED,
            "opted_out",
        ),
        ({"variant": None, "abandoned": True}, SendState.FAILED, "record_missing"),
        ({"attempt_count": 3, "abandoned": True}, SendState.FAILED, "gave_up"),
    ],
)
def test_what_keeps_a_send_back_names_its_fate(
    changes: dict[str, object], state: SendState, reason: str
) -> None:
    assert before(**changes) == Ended(state, reason)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "changes",
    [
        {"cancelled": True},
        {"opted_out": True},
        {"preferences": NO_NEWS, "message_type": "news"},
        {"device": None},
        {"device_dead": True},
        {"preferences": Preferences(snoozed_until=NOON + HOUR)},
        {"quiet_hours": SIESTA},
        {"expires_at": NOON, "put_off": True},
        {"expires_at": NOON, "paused_at": NOON - HOUR},
    ],
)
def test_what_may_have_arrived_and_is_not_tried_again_ends_as_unknown(
    changes: dict[str, object],
) -> None:
    unknown = Ended(SendState.EXPIRED, "outcome_unknown")  # type: ignore[arg-type]
    assert before(**changes, abandoned=True) == unknown
    assert before(**changes) not in {unknown, None}


def test_a_later_attempt_that_is_not_tried_again_does_not_tell_of_an_earlier_one() -> None:
    unknown = Ended(SendState.EXPIRED, "outcome_unknown")  # type: ignore[arg-type]
    assert after(Retry("busy", HOUR), abandoned=True) == unknown
    assert after(Retry("busy"), quiet_hours=SIESTA, abandoned=True) == unknown


def test_a_send_may_go_out_until_the_moment_of_its_expiry_and_to_its_last_attempt() -> None:
    assert before(NOON + HOUR - MOMENT) is None
    assert before(attempt_count=2) is None


@pytest.mark.parametrize("zones", [{"timezone": "UTC"}, {"quiet_offsets": (0,)}])
def test_quiet_hours_are_waited_for_unless_they_outlast_the_send(zones: dict[str, object]) -> None:
    given: dict[str, object] = {"timezone": "Asia/Tokyo", "quiet_hours": SIESTA, **zones}
    end = NOON + 2 * HOUR
    moved = Moved(end, Exclusion.QUIET_HOURS)
    assert before(**given, expires_at=end + MOMENT) == moved  # type: ignore[arg-type]
    assert before(**given, expires_at=end) == Ended(SendState.EXPIRED, "quiet_hours")  # type: ignore[arg-type]


def test_a_topic_that_is_wanted_keeps_nothing_back() -> None:
    assert before(preferences=NO_NEWS, message_type="promotion") is None
    assert before(preferences=NO_NEWS) is None


def test_a_snoozed_send_waits_unless_the_snooze_outlasts_it() -> None:
    snoozed = Preferences(snoozed_until=NOON + HOUR - MOMENT)
    moved = Moved(NOON + HOUR - MOMENT, Exclusion.SNOOZED)
    assert before(preferences=snoozed) == moved
    assert before(NOON + HOUR - MOMENT, preferences=snoozed) is None
    outlasting = Preferences(snoozed_until=NOON + HOUR)
    assert before(preferences=outlasting) == Ended(SendState.SUPPRESSED, "snoozed")
    again = Retry("busy", MOMENT)
    assert after(again, preferences=snoozed) == moved
    assert after(again, preferences=outlasting) == Ended(SendState.SUPPRESSED, "snoozed")


@pytest.mark.parametrize("zones", [{"timezone": "UTC"}, {"quiet_offsets": (0,)}])
def test_the_users_own_quiet_hours_are_waited_for_beside_the_campaigns(
    zones: dict[str, object],
) -> None:
    own = Preferences(quiet_hours=QuietHours(time(14), time(15)))
    given: dict[str, object] = {"timezone": "Asia/Tokyo", "preferences": own, **zones}
    late: dict[str, object] = {"expires_at": NOON + 5 * HOUR, **given}
    assert before(**given) is None
    own_hours = Moved(NOON + 3 * HOUR, Exclusion.QUIET_HOURS_OWN)
    assert before(NOON + 2 * HOUR, **late) == own_hours
    # The siesta ends as the user's own quiet hours begin.
    campaigns = Moved(NOON + 3 * HOUR, Exclusion.QUIET_HOURS)
    assert before(quiet_hours=SIESTA, **late) == campaigns
    short = {**late, "expires_at": NOON + 3 * HOUR}
    assert before(quiet_hours=SIESTA, **short) == Ended(SendState.EXPIRED, "quiet_hours")


@pytest.mark.parametrize(
    ("due_at", "allowed_at"),
    [
        # Berlin, 29 March 2026: 02:30 does not exist, clocks jump over it at 01:00 UTC.
        (datetime(2026, 3, 29, 0, 30, tzinfo=UTC), datetime(2026, 3, 29, 1, tzinfo=UTC)),
        # Berlin, 25 October 2026: 02:30 comes twice, and the half hour before each is quiet.
        (datetime(2026, 10, 25, 0, 10, tzinfo=UTC), datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
        (datetime(2026, 10, 25, 1, 10, tzinfo=UTC), datetime(2026, 10, 25, 1, 30, tzinfo=UTC)),
    ],
)
def test_the_users_own_quiet_hours_follow_the_changes_of_the_clocks(
    due_at: datetime, allowed_at: datetime
) -> None:
    own = Preferences(quiet_hours=QuietHours(time(22), time(2, 30)))
    sleeping: dict[str, object] = {
        "timezone": "Europe/Berlin",
        "due_at": due_at,
        "expires_at": due_at + 5 * HOUR,
        "preferences": own,
    }
    assert before(due_at, **sleeping) == Moved(allowed_at, Exclusion.QUIET_HOURS_OWN)
    assert before(allowed_at, **sleeping) is None


@pytest.mark.parametrize(
    ("outcome", "transition"),
    [
        (Accepted(), Ended(SendState.DELIVERED, "accepted", handed_over_at=BEGAN_AT)),
        (DeadAddress("gone"), Ended(SendState.FAILED, "gone")),
        (Permanent("payload"), Ended(SendState.FAILED, "payload")),
        (Retry("busy", HOUR - MOMENT), Postponed(NOON + HOUR - MOMENT)),
        (Retry("busy", HOUR), Ended(SendState.EXPIRED, "no_time_to_retry")),
    ],
)
def test_an_outcome_decides_and_a_retry_needs_time_before_the_expiry(
    outcome: Outcome, transition: SendTransition
) -> None:
    assert after(outcome) == transition


def test_the_last_attempt_is_not_tried_again() -> None:
    assert after(Retry("busy"), attempt_count=2) == Postponed(NOON)
    assert after(Retry("busy"), attempt_count=3) == Ended(SendState.FAILED, "gave_up")


@pytest.mark.parametrize("attempts", [1, 2])
def test_a_retry_waits_as_its_attempt_has_it(attempts: int) -> None:
    policy = RetryPolicy(first=timedelta(minutes=1), longest=HOUR, max_attempts=3)
    send, busy = a_send(attempt_count=attempts), Retry("busy")
    transition = after_attempt(
        Receipt(Attempt(send, "simulator", BEGAN_AT), busy), now=NOON, retry=policy
    )
    assert transition == Postponed(NOON + policy.delay(send.send_id, attempts, busy))


def test_a_retry_waits_for_quiet_hours_to_end() -> None:
    quiet = {"quiet_hours": SIESTA, "expires_at": NOON + 3 * HOUR}
    moved = Moved(NOON + 2 * HOUR, Exclusion.QUIET_HOURS)
    assert after(Retry("busy", HOUR), **quiet) == moved
    quiet["expires_at"] = NOON + 2 * HOUR
    assert after(Retry("busy", HOUR), **quiet) == Ended(SendState.EXPIRED, "quiet_hours")
