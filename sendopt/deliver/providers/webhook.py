"""Webhooks: messages to a server of the tenant's own (standardwebhooks.com).

The body is JSON and the same in every attempt: `type`, `timestamp` (when it was due), `data` with
`send_id`, `campaign_id`, `variant_id`, `user_id`, `device_id`, `title`, `body` and `url`. The
receiver drops what it has seen by `webhook-id`, which is the send's id.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

from standardwebhooks import Webhook
from standardwebhooks.webhooks import EmptyWebhookSecretError

from sendopt.clock import Clock
from sendopt.deliver.providers.answers import Meaning, StatusTable, exchange, prepare_all
from sendopt.deliver.providers.transport import Request, Transport, is_contactable
from sendopt.records import Accepted, DeadAddress, EndReason, Message, Outcome, Permanent, Retry

_STANDARD = "Standard Webhooks, operational considerations"
_RFC9110 = "RFC 9110, section "

STATUSES: StatusTable = {
    2: Meaning(Accepted(), _STANDARD),
    # A redirect is a failure: the body was signed for this receiver, not for another.
    3: Meaning(Retry("redirected"), _STANDARD),
    408: Meaning(Retry("request_timed_out"), _RFC9110 + "15.5.9"),
    410: Meaning(DeadAddress(EndReason.ENDPOINT_GONE), _STANDARD),
    413: Meaning(Permanent(EndReason.PAYLOAD_TOO_LARGE), _RFC9110 + "15.5.14"),
    429: Meaning(Retry("throttled"), _STANDARD),
    # A receiver that answers 400 today may be mended tomorrow; the standard asks for retries.
    4: Meaning(Retry("receiver_refused"), _STANDARD),
    5: Meaning(Retry("receiver_failed"), _STANDARD),
}


class WebhookProvider:
    """Hands messages to the URL that each device was registered with.

    Args:
        transport: decides whether private addresses may be reached.
        clock: for the timestamp that every attempt signs anew.
    """

    name = "webhook"

    def __init__(self, transport: Transport, clock: Clock) -> None:
        self._transport = transport
        self._clock = clock

    def deliver(self, messages: Sequence[Message]) -> list[Outcome]:
        now = self._clock.now()
        prepared = prepare_all(messages, lambda message: _prepare(message, now))
        return exchange(self._transport, prepared, STATUSES, self._clock)


def payload(message: Message) -> bytes:
    """Return the body; only what the plan fixed goes in, so that retries repeat it exactly."""
    content = {
        "type": "message.due",
        "timestamp": message.due_at.isoformat(),
        "data": {
            "send_id": message.send_id,
            "campaign_id": message.campaign_id,
            "variant_id": message.variant.variant_id,
            "user_id": message.user_id,
            "device_id": message.device.device_id,
            "title": message.variant.title,
            "body": message.variant.body,
            "url": message.click_url,
        },
    }
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


def _prepare(message: Message, now: datetime) -> Request | DeadAddress:
    url, secret = message.device.address.get("url"), message.device.address.get("secret")
    if not is_contactable(url) or not isinstance(secret, str):
        return DeadAddress(EndReason.ADDRESS_INVALID)
    try:
        webhook = Webhook(secret)
    except (ValueError, EmptyWebhookSecretError):
        return DeadAddress(EndReason.ADDRESS_INVALID)
    body = payload(message)
    return Request(
        url=url,
        headers={
            "Content-Type": "application/json",
            "webhook-id": message.send_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": webhook.sign(message.send_id, now, body.decode()),
        },
        body=body,
    )
