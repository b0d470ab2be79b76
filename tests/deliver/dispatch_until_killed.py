"""A dispatcher in a process of its own, for the tests to kill.

Its arguments: the state's URL, the owner, the batch, the seconds of a lease and of a request.
"""

from __future__ import annotations

import os
import sys
import threading
from datetime import timedelta

from sendopt.clock import SystemClock
from sendopt.deliver import ClaimPolicy, Dispatcher, RetryPolicy
from sendopt.deliver.providers import Transport, WebhookProvider
from sendopt.records import Channel
from sendopt.state import State


def main(url: str, owner: str, batch: str, lease_seconds: str, request_seconds: str) -> None:
    clock = SystemClock()
    timeout = timedelta(seconds=float(request_seconds))
    transport = Transport(timeout=timeout, allow_private_addresses=True)
    dispatcher = Dispatcher(
        State(url),
        {Channel.WEBHOOK: WebhookProvider(transport, clock)},
        clock,
        owner=owner,
        sign_link=lambda link_id: f"https://go.example/t/{link_id}",
        random_bytes=os.urandom,
        retry=RetryPolicy(timedelta(milliseconds=50), timedelta(seconds=1), max_attempts=1000),
        claims=ClaimPolicy(
            timedelta(seconds=float(lease_seconds)), int(batch), poll=timedelta(milliseconds=50)
        ),
    )
    print("ready", flush=True)
    while True:
        clock.wait(threading.Event(), clock.now() + dispatcher.turn())


if __name__ == "__main__":
    main(*sys.argv[1:])
