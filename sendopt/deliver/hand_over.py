"""Makes attempts: gives messages to their providers. What goes wrong with one concerns it alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from itertools import groupby

import structlog

from sendopt.clock import Clock
from sendopt.deliver.allowed_times import shown_until
from sendopt.deliver.provider import Provider
from sendopt.errors import InvariantBroken
from sendopt.records import (
    Attempt,
    Channel,
    DueSend,
    EndReason,
    Message,
    Outcome,
    Permanent,
    Receipt,
    Retry,
    SendId,
    TenantId,
)

_log = structlog.get_logger()


class HandOver:
    """Makes messages of claimed sends and hands them over, channel by channel.

    A provider that raises has told nothing: any of its messages may have gone out. They are all
    tried again later, each by itself, so that the one which it cannot take stops no other, and
    every request is an attempt of its own.

    Args:
        providers: by channel.
        clock: tells when the lease has ended.
        sign_link: makes the URL that a user clicks from a link id.
    """

    def __init__(
        self,
        providers: Mapping[Channel, Provider],
        clock: Clock,
        *,
        sign_link: Callable[[str], str],
    ) -> None:
        self._providers = providers
        self._clock = clock
        self._sign_link = sign_link
        self._by_itself: set[tuple[TenantId, SendId]] = set()

    def __call__(self, attempts: Sequence[Attempt], *, lease_over: float) -> list[Receipt]:
        """Return what came of each of `attempts`; none is made once the lease has ended.

        It ends at `lease_over` of the clock that nobody sets.
        """
        receipts: list[Receipt] = []
        for channel, group in self._groups(attempts):
            if self._clock.monotonic() >= lease_over:
                # Somebody may have taken over: what was not begun is not begun any more.
                receipts += [Receipt(attempt, Retry("lease_over")) for attempt in group]
            else:
                receipts += self._deliver(channel, group)
        return receipts

    def _groups(self, attempts: Sequence[Attempt]) -> list[tuple[Channel, list[Attempt]]]:
        groups: list[tuple[Channel, list[Attempt]]] = []
        for channel, group in groupby(sorted(attempts, key=_channel), key=_channel):
            alike = list(group)
            groups.append((channel, [each for each in alike if _key(each) not in self._by_itself]))
            groups += [(channel, [each]) for each in alike if _key(each) in self._by_itself]
        return [(channel, group) for channel, group in groups if group]

    def _deliver(self, channel: Channel, attempts: Sequence[Attempt]) -> list[Receipt]:
        messages: list[tuple[Attempt, Message]] = []
        receipts: list[Receipt] = []
        for attempt in attempts:
            self._by_itself.discard(_key(attempt))
            made = self._message(attempt)
            if isinstance(made, Message):
                messages.append((attempt, made))
            else:
                receipts.append(Receipt(attempt, made))
        if messages:
            receipts += self._hand_over(channel, messages)
        return receipts

    def _message(self, attempt: Attempt) -> Message | Permanent:
        send = attempt.send
        try:
            return _message(send, self._sign_link, begun_at=attempt.started_at)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this send's alone
            _log.error(
                "message_unusable",
                tenant_id=send.tenant_id,
                send_id=send.send_id,
                error=type(error).__name__,
            )
            return Permanent(EndReason.MESSAGE_UNUSABLE)

    def _hand_over(
        self, channel: Channel, messages: Sequence[tuple[Attempt, Message]]
    ) -> list[Receipt]:
        provider = self._providers[channel]
        try:
            outcomes = provider.deliver([message for _, message in messages])
            if len(outcomes) == len(messages) and all(
                isinstance(outcome, Outcome) for outcome in outcomes
            ):
                return [
                    Receipt(attempt, outcome)
                    for (attempt, _), outcome in zip(messages, outcomes, strict=True)
                ]
            problem = "outcomes that do not fit its messages"
        except MemoryError:
            raise  # the process's trouble, not a provider's
        except Exception as error:  # noqa: BLE001 - a provider may be anybody's code
            problem = type(error).__name__
        _log.error(
            "provider_failed",
            provider=provider.name,
            error=problem,
            send_ids=[message.send_id for _, message in messages[:10]],
            messages=len(messages),
        )
        self._by_itself |= {_key(attempt) for attempt, _ in messages}
        return [Receipt(attempt, Retry("provider_failed")) for attempt, _ in messages]


def _message(send: DueSend, sign_link: Callable[[str], str], *, begun_at: datetime) -> Message:
    if send.device is None or send.variant is None:
        raise InvariantBroken(f"{send.send_id} was claimed without a device or a variant")
    return Message(
        tenant_id=send.tenant_id,
        send_id=send.send_id,
        campaign_id=send.campaign_id,
        user_id=send.user_id,
        device=send.device,
        variant=send.variant,
        click_url=None if send.link_id is None else sign_link(send.link_id),
        due_at=send.due_at,
        expires_at=shown_until(send, begun_at),
    )


def _channel(attempt: Attempt) -> Channel:
    return attempt.send.channel


def _key(attempt: Attempt) -> tuple[TenantId, SendId]:
    return attempt.send.tenant_id, attempt.send.send_id
