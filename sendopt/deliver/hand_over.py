"""Gives claimed sends to their providers; what goes wrong with one message concerns it alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from operator import attrgetter

import structlog

from sendopt.clock import Clock
from sendopt.deliver.provider import Provider
from sendopt.errors import InvariantBroken
from sendopt.records import Channel, DueSend, Message, Outcome, Permanent, Retry, SendId, TenantId

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

    def __call__(
        self, claimed: Sequence[DueSend], *, lease_over: float
    ) -> list[tuple[DueSend, Outcome]]:
        """Return what each of `claimed` came to; none is begun once the lease has ended.

        It ends at `lease_over` of the clock that nobody sets.
        """
        outcomes: list[tuple[DueSend, Outcome]] = []
        for channel, group in self._groups(claimed):
            if self._clock.monotonic() >= lease_over:
                # Somebody may have taken over: what was not begun is not begun any more.
                outcomes += [(send, Retry("lease_over")) for send in group]
            else:
                outcomes += self._deliver(channel, group)
        return outcomes

    def _groups(self, claimed: Sequence[DueSend]) -> list[tuple[Channel, list[DueSend]]]:
        by_channel = attrgetter("channel")
        groups: list[tuple[Channel, list[DueSend]]] = []
        for channel, group in groupby(sorted(claimed, key=by_channel), key=by_channel):
            sends = list(group)
            groups.append((channel, [send for send in sends if _key(send) not in self._by_itself]))
            groups += [(channel, [send]) for send in sends if _key(send) in self._by_itself]
        return [(channel, sends) for channel, sends in groups if sends]

    def _deliver(self, channel: Channel, sends: Sequence[DueSend]) -> list[tuple[DueSend, Outcome]]:
        messages: list[tuple[DueSend, Message]] = []
        outcomes: list[tuple[DueSend, Outcome]] = []
        for send in sends:
            self._by_itself.discard(_key(send))
            made = self._message(send)
            if isinstance(made, Message):
                messages.append((send, made))
            else:
                outcomes.append((send, made))
        told = self._told(channel, messages) if messages else []
        return outcomes + [(send, each) for (send, _), each in zip(messages, told, strict=True)]

    def _message(self, send: DueSend) -> Message | Permanent:
        try:
            return _message(send, self._sign_link)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this send's alone
            _log.error(
                "message_unusable",
                tenant_id=send.tenant_id,
                send_id=send.send_id,
                error=type(error).__name__,
            )
            return Permanent("message_unusable")

    def _told(self, channel: Channel, messages: Sequence[tuple[DueSend, Message]]) -> list[Outcome]:
        provider = self._providers[channel]
        try:
            outcomes = provider.deliver([message for _, message in messages])
            if len(outcomes) == len(messages) and all(
                isinstance(outcome, Outcome) for outcome in outcomes
            ):
                return outcomes
            problem = "outcomes that do not fit its messages"
        except MemoryError:
            raise  # the process's trouble, not a provider's
        except Exception as error:  # noqa: BLE001 - a provider may be anybody's code
            problem = type(error).__name__
        _log.error(
            "provider_failed",
            provider=provider.name,
            error=problem,
            send_ids=[send.send_id for send, _ in messages[:10]],
            messages=len(messages),
        )
        self._by_itself |= {_key(send) for send, _ in messages}
        return [Retry("provider_failed") for _ in messages]


def _message(send: DueSend, sign_link: Callable[[str], str]) -> Message:
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
        expires_at=send.expires_at,
    )


def _key(send: DueSend) -> tuple[TenantId, SendId]:
    return send.tenant_id, send.send_id
