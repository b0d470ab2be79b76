"""Bugs that are planted, one at a time: small changes to the text of the real code.

A planted bug is a function of the product whose source is changed in one place, compiled in its
own module, and swapped in under every name by which it was imported. One whose place is gone, or
is there twice, fails loudly: a bug that is not planted cannot be found.
"""

from __future__ import annotations

import ast
import functools
import inspect
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sendopt import quiet_hours
from sendopt.app import accepting, importing
from sendopt.bill import meter
from sendopt.deliver import dispatch as dispatcher
from sendopt.deliver import leases, transitions
from sendopt.ingest import fields
from sendopt.log import append
from sendopt.schedule import choose, identity
from sendopt.state import devices, hold, outbox, users
from sendopt.state import dispatch as claims
from sendopt.track import clicks, responses


class MutationGone(AssertionError):
    """The code that a planted bug changes is not there any more."""


@dataclass(frozen=True)
class Mutation:
    """One planted bug.

    Attributes:
        name: of the bug.
        target: the function that is changed.
        old: text that stands in it exactly once.
        new: what stands there instead.
        state_sql: run over the empty state: what would otherwise refuse the bug's effect.
    """

    name: str
    target: Callable[..., Any]
    old: str
    new: str
    state_sql: str = ""


MUTATIONS = (
    Mutation(
        "an event of the outbox is lost where a batch has two tenants",
        dispatcher._write,
        "for tenant_id in sorted(events):",
        "for tenant_id in sorted(events)[:1]:",
    ),
    Mutation(
        "a claim is written without asking for its fence",
        claims.settle,
        "and (fence == send.fence or _is_delivered(transition))",
        "and (fence >= 0 or _is_delivered(transition))",
    ),
    Mutation(
        "a lease has run out as soon as it begins",
        claims._claim,
        "ready_at=lease_ends_at,",
        "ready_at=now,",
    ),
    Mutation(
        "a second click of a send counts",
        clicks.follow_link,
        "counted_before=counted_at is not None,",
        "counted_before=False,",
        state_sql="drop index click_counted_once",
    ),
    Mutation(
        "an opt-out is ignored once a send was tried",
        transitions.before_attempt,
        "(send.opted_out, SendState",
        "(send.opted_out and not send.attempt_count, SendState",
    ),
    Mutation(
        "an expired send is handed over once it was tried",
        transitions.before_attempt,
        "expired = now >= send.expires_at",
        "from dataclasses import replace\n"
        "    if send.attempt_count:\n"
        "        lived = send.expires_at - send.due_at\n"
        "        send = replace(send, expires_at=max(now, send.expires_at) + lived)\n"
        "    expired = now >= send.expires_at",
    ),
    Mutation(
        "quiet hours keep to January's clocks",
        quiet_hours.in_quiet_hours,
        "local = instant.astimezone(zone).time()",
        "local = (instant + zone.utcoffset(datetime(instant.year, 1, 1))).time()",
    ),
    Mutation(
        "a retry forgets its attempt",
        claims._claim,
        "attempt_count=planned_send.c.attempt_count + 1,",
        "attempt_count=planned_send.c.attempt_count,",
    ),
    Mutation(
        "the high-water mark moves before the insert",
        append.Appender.append_outbox,
        "with self._transaction(writes_files=",
        "with self._transaction():\n"
        '        run(self._connection, "advance_mark", params={"position": max(positions)})\n'
        "    with self._transaction(writes_files=",
    ),
    Mutation(
        "a cancellation is lost against a claim",
        transitions.before_attempt,
        "(send.cancelled, SendState",
        "(send.cancelled and not send.attempt_count, SendState",
    ),
    Mutation(
        "a dead device is sent to again",
        devices.mark_dead,
        "devices.c.dead_at.is_(None),",
        "devices.c.dead_at.is_not(None),",
    ),
    Mutation(
        "an id is taken twice, with other content",
        outbox._verdicts,
        "_text(document) != _text(first):",
        "document.keys() != first.keys():",
    ),
    Mutation(
        "the links of a batch lead to its first send",
        claims._add_links,
        '"send_id": send.send_id,',
        '"send_id": sends[0].send_id,',
    ),
    Mutation(
        "what was accepted is forgotten by whoever lost the claim",
        claims.settle,
        "and (fence == send.fence or _is_delivered(transition))",
        "and fence == send.fence",
    ),
    Mutation(
        "what comes late is counted in a month that is closed",
        meter.place,
        "earliest_open(period_of(fact.occurred_at), closed)",
        "period_of(fact.occurred_at)",
    ),
    Mutation(
        "a provider's Retry-After is ignored",
        transitions._after_retry,
        "again_at = now + retry.delay(send.send_id, send.attempt_count, outcome)",
        'again_at = now + retry.delay(send.send_id, send.attempt_count, Retry("", None))',
    ),
    Mutation(
        "who opted in once cannot opt out any more",
        users.opt_out_all,
        "is_over = app_user.c.last_opt_in_at > _AT",
        "is_over = app_user.c.last_opt_in_at.is_not(None)",
    ),
    Mutation(
        "an answer counts before its effect is recorded",
        responses.record_response,
        "recorded = outbox.record(tx, [event], now=now)[0]",
        "recorded = outbox.RecordResult(outbox.RecordVerdict.RECORDED)",
    ),
    Mutation(
        "a file takes an id that a request was given meanwhile",
        importing.ImportAppender._behind_requests,
        "raise _Overtaken",
        "pass",
    ),
    Mutation(
        "the rows of a file change users",
        importing.ImportAppender.append,
        "tenant_id,\n                stays,",
        "tenant_id,\n                stays.set_column(\n"
        "                    stays.schema.get_field_index('user_id'),\n"
        "                    'user_id',\n"
        "                    stays['user_id'].take(list(range(len(stays)))[::-1]),\n"
        "                ),",
    ),
    Mutation(
        "a request does not ask which ids a file has brought",
        accepting._known,
        "if not events:",
        "if events:",
    ),
    Mutation(
        "an id that is reserved for our own events is taken",
        fields.not_reserved,
        "if is_reserved(value):",
        "if is_reserved(value) and value is None:",
    ),
    Mutation(
        "a restored home hands over what was claimed when it was backed up",
        hold.hold,
        "in_([SendState.PLANNED, SendState.CLAIMED])",
        "in_([SendState.PLANNED])",
    ),
    Mutation(
        "a restored home holds its sends for no longer than they are due",
        hold.hold,
        "ready_at=planned_send.c.expires_at,",
        "ready_at=planned_send.c.due_at,",
    ),
    Mutation(
        "a clock that is set forward ends the claims of the living",
        leases.StepsForward.total,
        "if step > _KEPT_RIGHT:",
        "if step > timedelta.max:",
    ),
    Mutation(
        "half of those who belong in the holdout are left out of it",
        identity.held_out,
        "< holdout.share",
        "< holdout.share / 2",
    ),
    Mutation(
        "a time is chosen for the holdout too",
        choose.choose,
        "arm = knowing.arm[scored.rows]",
        "arm = knowing.arm[scored.rows] == 'nobody'",
    ),
    Mutation(
        "who is held out of one test is not of another",
        identity.held_out,
        "[(tenant_id, user_id) for",
        "[(tenant_id, user_id, repr(holdout)) for",
    ),
)


@contextmanager
def planted(mutation: Mutation | None) -> Iterator[None]:
    """Plant the bug for the block; None plants none.

    Raises:
        MutationGone: if the code no longer has the place.
    """
    if mutation is None:
        yield
        return
    function = inspect.unwrap(mutation.target)
    before = function.__code__
    function.__code__ = _changed(mutation, function).__code__
    _forget_answers()
    try:
        yield
    finally:
        function.__code__ = before
        _forget_answers()


def _changed(mutation: Mutation, function: Callable[..., Any]) -> Callable[..., Any]:
    source = textwrap.dedent(inspect.getsource(function))
    if source.count(mutation.old) != 1:
        raise MutationGone(
            f"{mutation.name!r}: {mutation.old!r} stands {source.count(mutation.old)} times in "
            f"{function.__qualname__}"
        )
    tree = ast.parse(source.replace(mutation.old, mutation.new))
    definition = tree.body[0]
    assert isinstance(definition, ast.FunctionDef)
    definition.decorator_list = []
    ast.increment_lineno(tree, function.__code__.co_firstlineno - 1)
    namespace: dict[str, Any] = {}
    module_globals = function.__globals__
    code = compile(
        "from __future__ import annotations\n" + ast.unparse(tree),
        inspect.getfile(function),
        "exec",
    )
    exec(code, module_globals, namespace)
    changed: Callable[..., Any] = namespace[function.__name__]
    return changed


def _forget_answers() -> None:
    """Empty every cache of the product.

    Any of them may hold what was worked out with the bug, or without it: the slots of a campaign
    are kept, and ask the quiet hours.
    """
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == "sendopt":
            for each in vars(module).values():
                if isinstance(each, functools._lru_cache_wrapper):
                    each.cache_clear()
