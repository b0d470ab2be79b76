"""Sends: one message to one user, where it stands and why then."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from sendopt import track
from sendopt.app import bodies as bodies_of_requests
from sendopt.app.subject import Subject, needs
from sendopt.app.triggering import RequestAnswer
from sendopt.errors import InvalidInput, SendoptError
from sendopt.records import EndReason, Permission, SendId
from sendopt.schedule.why import why_of
from sendopt.state import plans, send_list
from sendopt.state.pages import Page


class Sends(Subject):
    """What goes out, or does not."""

    @needs(Permission.SENDS_READ)
    def get(self, send_id: SendId) -> dict[str, Any]:
        """Return a send with its decision record.

        Raises:
            NotFound: `send_unknown`.
        """
        return self._shown(send_id)

    @needs(Permission.SENDS_READ)
    def page(
        self,
        chosen: send_list.SendFilter,
        *,
        behind: send_list.SendKey | None = None,
        limit: int,
    ) -> Page[send_list.ListedSend]:
        """Return sends by campaign and user; a page may hold few, or none, and not be the last."""
        with self._read() as tx:
            return send_list.page(tx, chosen, behind=behind, limit=limit)

    @needs(Permission.SENDS_CREATE)
    def ask(self, body: Any) -> RequestAnswer:
        """Plan one message of a triggered campaign to one user, and let it go out.

        The same request again changes nothing, and is answered what has come of the first.

        Raises:
            InvalidInput: for a request that cannot be meant; `no_feasible_slot`, naming the rule
                that left no time; `event_not_happened`; `quiet_hours_hold`.
            NotFound: `campaign_unknown`, `user_unknown`.
            Conflict: `send_key_taken`; `campaign_not_triggered`, `campaign_not_committed`,
                `campaign_cancelled`; `campaign_changed`, if it was revised meanwhile;
                `user_erased`.
        """
        answer = self._stores.triggering.ask(
            body, self._tenant_id, asked_by=self._principal.actor, now=self._now()
        )
        if isinstance(answer, SendoptError):
            raise answer
        return answer

    @needs(Permission.SENDS_CREATE)
    def ask_all(self, bodies: Any) -> list[RequestAnswer | SendoptError]:
        """Plan many messages as `ask` does, and return of each what came of it, in their order.

        Each is planned as if those before it stood already; what is refused is no fault of others.

        Args:
            bodies: a list of what `ask` takes; an error is one that could not be parsed.

        Raises:
            InvalidInput: `wrong_type`, `empty_batch`, `too_many_items`.
        """
        wanted = bodies_of_requests.listed(bodies)
        parsed = [each for each in wanted if not isinstance(each, InvalidInput)]
        answers = iter(
            self._stores.triggering.ask_all(
                parsed, self._tenant_id, asked_by=self._principal.actor, now=self._now()
            )
        )
        return [each if isinstance(each, InvalidInput) else next(answers) for each in wanted]

    @needs(Permission.SENDS_CANCEL)
    def cancel(self, send_id: SendId) -> dict[str, Any]:
        """Call off one send and return it; one that is called off already stays so.

        One that may have arrived ends as `outcome_unknown`, and is returned as that, again too.

        Raises:
            NotFound: `send_unknown`.
            Conflict: `send_not_planned`, if it is being handed over or has ended.
        """
        with self._write() as tx:
            if plans.cancel_send(tx, send_id, reason=EndReason.SEND_CANCELLED):
                self._audit(tx, "send:cancel", send_id)
        return self._shown(send_id)

    @needs(Permission.EVENTS_WRITE)
    def report(self, send_id: SendId, body: Any) -> track.ResponseVerdict:
        """Record what the tenant's own servers learned of a send.

        Raises:
            NotFound: `send_unknown`.
            Conflict: `not_handed_over`, `before_hand_over`, `event_conflict`.
            InvalidInput: `kind_unknown`, `time_in_future`, and as `strict_json.validate`.
        """
        return track.record_report(
            self._stores.state, self._tenant_id, send_id, body, now=self._now()
        )

    def _shown(self, send_id: SendId) -> dict[str, Any]:
        with self._read() as tx:
            stored = plans.get_send(tx, send_id)
        return {
            **asdict(stored.send),
            "revision": stored.revision,
            "planned_at": stored.planned_at,
            "attempt_count": stored.attempt_count,
            "attempts": stored.attempts,
            "moves": stored.moves,
            "next_attempt_at": stored.next_attempt_at,
            "handed_over_at": stored.handed_over_at,
            "handed_over_to": stored.handed_over_to,
            "why": why_of(stored.send, stored.decision),
            "decision": stored.decision,
        }
