"""Webhooks: a receiver that verifies with the standard's own library."""

from __future__ import annotations

import base64
import json
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks import Webhook

import sendopt
from sendopt.clock import SystemClock, VirtualClock
from sendopt.deliver.providers import WebhookProvider
from sendopt.deliver.providers.webhook import STATUSES
from sendopt.records import Accepted, DeadAddress, Permanent, Retry

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()


@pytest.fixture
def transport(make_transport):
    return make_transport()


@pytest.fixture
def provider(transport):
    return WebhookProvider(transport, SystemClock())


@pytest.fixture
def sent(message, receiver):
    address = {"url": f"{receiver.url}/hook?tenant=1", "secret": SECRET}
    return replace(message, device=replace(message.device, address=address))


def test_the_receiver_verifies_and_reads_it(provider, receiver, sent):
    assert provider.deliver([sent]) == [Accepted()]
    [request] = receiver.requests
    assert request.path == "/hook?tenant=1"
    assert request.headers["User-Agent"] == f"sendopt/{sendopt.__version__}"
    assert request.headers["webhook-id"] == sent.send_id
    assert Webhook(SECRET).verify(request.body, dict(request.headers)) == {
        "type": "message.due",
        "timestamp": "2026-10-01T12:00:00+00:00",
        "data": {
            "send_id": "s-1",
            "campaign_id": "autumn",
            "variant_id": "a",
            "user_id": "ada",
            "device_id": "d-1",
            "title": "Sale",
            "body": "Today only ☂",
            "url": "https://go.example/t/k1.abc.def",
        },
    }


def test_a_thousand_messages_each_verify(provider, receiver, sent):
    messages = [replace(sent, send_id=f"s-{number}") for number in range(1000)]
    assert provider.deliver(messages) == [Accepted()] * 1000
    for request in receiver.requests:
        body = Webhook(SECRET).verify(request.body, dict(request.headers))
        assert body["data"]["send_id"] == request.headers["webhook-id"]
    assert len({request.headers["webhook-id"] for request in receiver.requests}) == 1000


def test_nine_failures_and_a_success_repeat_the_id_and_the_body_but_not_the_time(
    transport, receiver, sent
):
    clock = VirtualClock(datetime(2026, 10, 1, 12, tzinfo=UTC))
    provider = WebhookProvider(transport, clock)
    receiver.answer = lambda _request: (500 if len(receiver.requests) < 10 else 200, {})
    outcomes = []
    for _ in range(10):
        outcomes += provider.deliver([sent])
        clock.advance(timedelta(minutes=7))
    assert outcomes == [Retry("receiver_failed")] * 9 + [Accepted()]
    assert len({request.body for request in receiver.requests}) == 1
    assert {request.headers["webhook-id"] for request in receiver.requests} == {"s-1"}
    assert len({request.headers["webhook-timestamp"] for request in receiver.requests}) == 10
    assert len({request.headers["webhook-signature"] for request in receiver.requests}) == 10


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ((200, {}), Accepted()),
        ((202, {}), Accepted()),
        ((204, {}), Accepted()),
        ((302, {"Location": "/elsewhere"}), Retry("redirected")),
        ((308, {"Location": "http://127.0.0.1:1/"}), Retry("redirected")),
        ((400, {}), Retry("receiver_refused")),
        ((404, {}), Retry("receiver_refused")),
        ((408, {}), Retry("request_timed_out")),
        ((410, {}), DeadAddress("endpoint_gone")),
        ((413, {}), Permanent("payload_too_large")),
        ((429, {"Retry-After": "120"}), Retry("throttled", timedelta(minutes=2))),
        (
            (429, {"Retry-After": "Thu, 01 Oct 2026 12:05:00 GMT"}),
            Retry("throttled", timedelta(minutes=5)),
        ),
        ((429, {"Retry-After": "Thu, 01 Oct 2026 11:00:00 GMT"}), Retry("throttled", timedelta(0))),
        ((429, {"Retry-After": "soon"}), Retry("throttled")),
        ((429, {"Retry-After": "-5"}), Retry("throttled")),
        ((500, {}), Retry("receiver_failed")),
        ((503, {"Retry-After": "9" * 30}), Retry("receiver_failed", timedelta(days=366))),
        ((503, {"Retry-After": "9" * 5000}), Retry("receiver_failed", timedelta(days=366))),
        (
            (503, {"Retry-After": "Fri, 31 Dec 9999 23:59:59 GMT"}),
            Retry("receiver_failed", timedelta(days=366)),
        ),
        ((503, {"Retry-After": f"Fri, 31 Dec {9**30} 23:59:59 GMT"}), Retry("receiver_failed")),
        ((600, {}), Retry("receiver_failed")),
        ((999, {}), Retry("receiver_failed")),
    ],
)
def test_each_answer_means_what_the_standard_says(transport, receiver, sent, answer, outcome):
    receiver.answer = lambda _request: answer
    clock = VirtualClock(datetime(2026, 10, 1, 12, tzinfo=UTC))
    outcomes = WebhookProvider(transport, clock).deliver([sent])
    assert (outcomes, len(receiver.requests)) == ([outcome], 1)  # redirects are not followed


def test_every_meaning_names_its_source():
    assert all(meaning.source for meaning in STATUSES.values())


@pytest.mark.parametrize(
    "address",
    [
        {},
        {"url": "http://127.0.0.1/"},
        {"url": "http://127.0.0.1/", "secret": ""},
        {"url": "http://127.0.0.1/", "secret": None},
        {"url": "http://127.0.0.1/", "secret": "whsec_!"},
        {"url": None, "secret": SECRET},
        {"url": "file:///etc/passwd", "secret": SECRET},
        {"url": "gopher://127.0.0.1/", "secret": SECRET},
        {"url": "//127.0.0.1/", "secret": SECRET},
        {"url": "http://user@127.0.0.1/", "secret": SECRET},
        {"url": "http://[::1/", "secret": SECRET},
    ],
)
def test_an_unusable_address_is_dead(provider, message, address):
    sent = replace(message, device=replace(message.device, address=address))
    assert provider.deliver([sent]) == [DeadAddress("address_invalid")]


def test_one_slow_receiver_does_not_spoil_the_answers_of_others(make_transport, receiver, sent):
    transport = make_transport(timeout=timedelta(seconds=5))
    release = os.urandom(4).hex()
    receiver.answer = lambda request: (
        200,
        {"Content-Length": "9"} if release in request.path else {},
    )
    slow = replace(
        sent,
        send_id="slow",
        device=replace(sent.device, address={"url": f"{receiver.url}/{release}", "secret": SECRET}),
    )
    outcomes = WebhookProvider(transport, SystemClock()).deliver([sent, slow, sent])
    # Its status came, its body never does: it has accepted all the same.
    assert outcomes == [Accepted()] * 3


def test_the_body_is_what_was_signed(provider, receiver, sent):
    provider.deliver([sent])
    [request] = receiver.requests
    tampered = json.loads(request.body)
    tampered["data"]["title"] = "Other"
    with pytest.raises(Exception, match="No matching signature"):
        Webhook(SECRET).verify(json.dumps(tampered), dict(request.headers))
