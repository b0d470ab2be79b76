"""What is said of sends, and of what came back for them."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Self

from sendopt.api.schemas.answer import Answer, DroppedField, shown_as
from sendopt.api.schemas.bodies import BodyNote
from sendopt.app.answers import Verdict
from sendopt.app.bodies import note_of
from sendopt.app.triggering import RequestAnswer
from sendopt.errors import InvalidInput, SendoptError
from sendopt.records import Arm, Channel, FallbackReason, SendState, ServedBy
from sendopt.state import send_list


class Slot(Answer):
    """One candidate time of one user, and why it was out of the question, if it was."""

    starts_at: datetime
    open_probability: float | None
    """null = could not be scored."""
    excluded_by: str | None
    """`quiet_hours`, `past`, ...; null = allowed."""
    logit_sd: float | None
    """How unsure its place among the user's times is; null = unsaid."""


class Decision(Answer):
    """Why a send has the time it has; kept with the send for ever."""

    send_id: str
    slots: list[Slot]
    chosen_at: datetime | None
    """null = no allowed slot, or the user may not be reached."""
    propensity: float | None
    """P(this slot | arm, all constraints); null = none was chosen."""
    policy: str
    """`greedy`, `epsilon_greedy`, ...; `configured`, `fallback`: see docs/campaigns.md."""
    binding_constraint: str | None
    """What kept the send from the most likely slot of all."""
    fallback_reason: FallbackReason | str | None
    """Why no model spoke; another text was written by another release."""
    model_version: str | None
    log_snapshot: int | None
    """The log as the model saw it."""
    timezone: str
    timezone_source: str
    """`device`, `user`, `log`, `tenant`, `inferred`."""
    served_by: ServedBy | None
    """null = suppressed."""
    gain_probability: float | None
    """P(the best slot beats the configured one)."""
    abstention_reason: str | None
    """Why the configured time stayed: `gain_not_proven`."""
    explored: bool | None
    """Another slot than the policy's best one."""
    exploration_bound_by: str | None
    """`urgent`, `exploration_budget_spent`."""
    variant_propensity: float | None
    """P(this variant | this slot)."""
    variant_evidence: str | None
    """`too_little_data`, `preferred`; null = one variant."""
    variant_confidence: float | None
    """P(the most promising variant is the best)."""
    send_propensity: float | None
    """P(it is not kept back to measure what sending does); null = nobody drew that."""
    timezone_confidence: float | None
    """Of an inferred zone: mass of `quiet_offsets`."""
    quiet_offsets: list[int] | None
    """Minutes east of UTC at which it may be night."""
    zone_database: str | None
    """Release of the IANA time zone database by which clocks were read; null = of before."""


class Attempt(Answer):
    """One call to a provider, and what came of it."""

    number: int
    provider: str
    device_id: str | None
    """It went to; null = made by a release that did not note it."""
    started_at: datetime
    finished_at: datetime | None
    """null = in flight, or its process died: the outcome is unknown."""
    outcome: str | None
    """`accepted`, `retry`, `dead_address`, `permanent`."""
    reason: str | None
    """Such as `timed_out` or `receiver_failed`."""


class Move(Answer):
    """That a send could not go out at the time that it had, when this had come."""

    moved_at: datetime
    until: datetime
    """Its time since then."""
    reason: str
    """What forbids the time that it had, such as `quiet_hours` or `frequency_cap`."""


class Send(Answer):
    """One message to one user: where it stands, and why it has the time it has."""

    model_config = shown_as(
        {
            "send_id": "s_znonsemr5acblblexpxcud2uhjqvqdip",
            "campaign_id": "autumn-sale",
            "variant_id": "plain",
            "user_id": "user-7",
            "device_id": "install-4f1c",
            "channel": "web_push",
            "due_at": "2026-10-25T17:00:00Z",
            "expires_at": "2026-10-25T21:00:00Z",
            "state": "delivered",
            "reason": "accepted",
            "revision": 1,
            "planned_at": "2026-10-01T09:31:00Z",
            "attempt_count": 1,
            "attempts": [
                {
                    "number": 1,
                    "provider": "web_push",
                    "device_id": "install-4f1c",
                    "started_at": "2026-10-25T17:00:00Z",
                    "finished_at": "2026-10-25T17:00:01Z",
                    "outcome": "accepted",
                    "reason": "created",
                }
            ],
            "moves": [],
            "next_attempt_at": None,
            "handed_over_at": "2026-10-25T17:00:01Z",
            "handed_over_to": "install-4f1c",
            "arm": "optimised",
            "why": "Sunday 25 October 2026, 18:00 in Europe/Vienna: of one allowed time the "
            "likeliest to be answered (31.0 %); Monday 00:00 is likelier by 4.0 points, but it is "
            "in the quiet hours of the campaign.",
            "decision": {
                "send_id": "s_znonsemr5acblblexpxcud2uhjqvqdip",
                "slots": [
                    {
                        "starts_at": "2026-10-25T17:00:00Z",
                        "open_probability": 0.31,
                        "excluded_by": None,
                        "logit_sd": 0.2,
                    },
                    {
                        "starts_at": "2026-10-25T23:00:00Z",
                        "open_probability": 0.35,
                        "excluded_by": "quiet_hours",
                        "logit_sd": 0.3,
                    },
                ],
                "chosen_at": "2026-10-25T17:00:00Z",
                "propensity": 0.9,
                "policy": "epsilon_greedy",
                "binding_constraint": "quiet_hours",
                "fallback_reason": None,
                "model_version": "1f0c5a2b8e103f0c",
                "log_snapshot": 41,
                "timezone": "Europe/Vienna",
                "timezone_source": "device",
                "served_by": "champion",
                "gain_probability": 0.8,
                "abstention_reason": None,
                "explored": False,
                "exploration_bound_by": None,
                "variant_propensity": 1.0,
                "variant_evidence": None,
                "variant_confidence": None,
                "send_propensity": None,
                "timezone_confidence": None,
                "quiet_offsets": None,
                "zone_database": "2026f",
            },
        }
    )

    send_id: str
    campaign_id: str
    variant_id: str
    user_id: str
    device_id: str | None
    """It was planned for. Where that one is gone by then, another one of the user's gets it."""
    channel: Channel
    due_at: datetime | None
    expires_at: datetime | None
    state: SendState
    reason: str | None
    revision: int
    """Of the campaign, by which it was planned."""
    planned_at: datetime
    attempt_count: int
    """Calls to the provider so far."""
    attempts: list[Attempt]
    """The first one first."""
    moves: list[Move]
    """From the time that it had, at first `due_at`, to a later one; the first one first."""
    next_attempt_at: datetime | None
    """null = there will be none, or one is being made."""
    handed_over_at: datetime | None
    """When the provider took responsibility."""
    handed_over_to: str | None
    """The device; null = not handed over, or by a release that did not note it."""
    arm: Arm | None
    """null = no experiment."""
    why: str
    """Why it has its time, or none, in a sentence on the user's clock: what the decision says."""
    decision: Decision


class ListedSend(Answer):
    """A send without its decision record."""

    model_config = shown_as(
        {
            "send_id": "s_znonsemr5acblblexpxcud2uhjqvqdip",
            "campaign_id": "autumn-sale",
            "variant_id": "plain",
            "user_id": "user-7",
            "device_id": "install-4f1c",
            "channel": "webhook",
            "due_at": "2026-10-25T17:00:00Z",
            "expires_at": "2026-10-25T21:00:00Z",
            "state": "planned",
            "reason": None,
            "revision": 1,
            "planned_at": "2026-10-01T09:31:00Z",
            "attempt_count": 2,
            "next_attempt_at": "2026-10-25T17:04:00Z",
            "handed_over_at": None,
            "handed_over_to": None,
            "arm": "optimised",
        }
    )

    send_id: str
    campaign_id: str
    variant_id: str
    user_id: str
    device_id: str | None
    """It was planned for. Where that one is gone by then, another one of the user's gets it."""
    channel: Channel
    due_at: datetime | None
    expires_at: datetime | None
    state: SendState
    reason: str | None
    revision: int
    """Of the campaign, by which it was planned."""
    planned_at: datetime
    attempt_count: int
    next_attempt_at: datetime | None
    handed_over_at: datetime | None
    handed_over_to: str | None
    """The device; null = not handed over, or by a release that did not note it."""
    arm: Arm | None

    @classmethod
    def of_row(cls, row: send_list.ListedSend) -> Self:
        """Return a row of the list of sends, in which the send stands beside how far it came."""
        return cls.of({**asdict(row.send), **asdict(row)})


class RequestedSend(Answer):
    """A send that was asked for: when it goes out, or why it does not."""

    model_config = shown_as(
        {
            "send_id": "s_6yv2c3k4yqjv5dhbmgcyz2h3wq7n5x4k",
            "campaign_id": "class-reminder",
            "user_id": "user-7",
            "send_key": "algebra-2026-10-26",
            "state": "planned",
            "reason": None,
            "due_at": "2026-10-26T15:00:00Z",
            "expires_at": "2026-10-26T16:15:00Z",
            "repeated": False,
        }
    )

    send_id: str
    campaign_id: str
    user_id: str
    send_key: str
    state: SendState
    """`suppressed`: accepted, and nothing goes out, for the reason beside it."""
    reason: str | None
    due_at: datetime | None
    expires_at: datetime | None
    repeated: bool
    """It was asked for before; this is what has come of it."""

    @classmethod
    def of_answer(cls, answer: RequestAnswer) -> Self:
        """Return what is told of a request that was accepted."""
        return cls.of({**asdict(answer.send), "repeated": answer.repeated})


class RequestVerdict(Answer):
    """The verdict on one of many requests: `accepted`, `repeated`, `rejected`."""

    verdict: Verdict
    send: RequestedSend | None
    """null = it was rejected."""
    errors: list[BodyNote]
    """All that is wrong with what was rejected."""

    @classmethod
    def of_answer(cls, answer: RequestAnswer | SendoptError, place: int) -> RequestVerdict:
        """Return what is told of the request at a place of the list."""
        if not isinstance(answer, SendoptError):
            verdict = Verdict.REPEATED if answer.repeated else Verdict.ACCEPTED
            return cls(verdict=verdict, send=RequestedSend.of_answer(answer), errors=[])
        faults = answer.faults if isinstance(answer, InvalidInput) else [answer]
        notes = [BodyNote.of(note_of(fault)) for fault in faults]
        for note in notes:
            note.field = f"/{place}/{note.field.removeprefix('/')}".removesuffix("/")
        return cls(verdict=Verdict.REJECTED, send=None, errors=notes)


class RequestVerdicts(Answer):
    """The verdict on each, in order, and how many there are of every kind."""

    model_config = shown_as(
        {
            "accepted": 1,
            "repeated": 0,
            "rejected": 0,
            "verdicts": [
                {"verdict": "accepted", "send": RequestedSend.examples()[0], "errors": []}
            ],
        }
    )

    accepted: int
    repeated: int
    rejected: int
    verdicts: list[RequestVerdict]


class Reported(Answer):
    """What became of a report. A repeat shows what was recorded first."""

    model_config = shown_as(
        {
            "send_id": "s_znonsemr5acblblexpxcud2uhjqvqdip",
            "kind": "open",
            "occurred_at": "2026-10-25T17:03:00Z",
            "repeated": False,
            "filtered_reason": None,
            "dropped_fields": [],
        }
    )

    send_id: str
    kind: str
    occurred_at: datetime
    repeated: bool
    filtered_reason: str | None
    """null = it counts."""
    dropped_fields: list[DroppedField]
    """Of an opt-out: what of the report could not be read, and counts as not said."""
