"""What a look for contradictions must not take for one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest

from sendopt.state import State, audit
from sendopt.track import ClickRequest, LinkSigner, follow_link

SIGNER = LinkSigner({"k1": b"k" * 32}, "k1", "https://links.example")
PERSON = {"User-Agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X)"}


@pytest.mark.parametrize(
    "request_for_a_link",
    [
        ClickRequest("GET", {"User-Agent": "Googlebot/2.1 (+http://www.google.com/bot.html)"}),
        ClickRequest("HEAD", PERSON),
        ClickRequest("GET", {**PERSON, "Sec-Purpose": "prefetch"}),
        ClickRequest("GET", {}),
        ClickRequest("GET", PERSON),
    ],
    ids=["bot", "head_request", "prefetch", "no_user_agent", "not_handed_over"],
)
def test_whoever_follows_a_link_before_its_hand_over_is_known_breaks_no_rule(
    state: State,
    hand_over: Callable[..., str],
    now: datetime,
    request_for_a_link: ClickRequest,
    request: pytest.FixtureRequest,
) -> None:
    """A provider may have taken a message without our ever hearing of it."""
    link_id = hand_over(state, "s-1", at=None)

    followed = follow_link(
        state,
        SIGNER,
        SIGNER.token(link_id),
        request_for_a_link,
        now=now,
        random_bytes=bytes,
    )

    assert followed.filtered_reason in request.node.name
    with state.read_fleet() as tx:
        assert not list(audit.engagement(tx))
