"""Use case of whoever asks why a user's best time is what it is."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from sendopt.app.defaults import CONFIGURED_HOUR
from sendopt.app.subject import Subject, needs
from sendopt.app.user_status import user_status
from sendopt.errors import InvalidInput, ModelNotServable, NotFound
from sendopt.learn import ServableModel
from sendopt.learn.registry import serving
from sendopt.records import Channel, FallbackReason, Permission, ServedBy, UserId, columns
from sendopt.schedule.audience import audience_members
from sendopt.schedule.policy import chance_of_gain
from sendopt.score import SLOTS_A_WEEK
from sendopt.score.explain import Explanation, Standing, explain
from sendopt.score.explain_words import tell
from sendopt.state import devices, erased, tenants, users

_NO_ZONE = "UTC"  # in which the model reads the hours of a user whose zone nobody named


@dataclass(frozen=True, slots=True)
class ExplainedUser:
    """Why a user's best time is what it is, and the same in words."""

    text: tuple[str, ...]  # sentences, made of the fields below and nothing else
    standing: Standing
    explanation: Explanation


class Explanations(Subject):
    """Why each user's best time is what it is."""

    @needs(Permission.SCORES_READ)
    def user(self, user_id: UserId, *, configured_hour: int = CONFIGURED_HOUR) -> ExplainedUser:
        """Explain the best times of one user as of now.

        The champion is asked, else the last good model.

        Args:
            user_id: who.
            configured_hour: local, 0..23, that the best hour is held against.

        Raises:
            InvalidInput: `hour_invalid`.
            NotFound: `tenant_unknown`; `user_unknown`, if neither the log nor the state has heard
                of the user.
            ModelNotServable: with the champion's reason, if no model speaks.
        """
        if not 0 <= configured_hour <= 23:
            raise InvalidInput(
                f"{configured_hour} is no hour of the day",
                code="hour_invalid",
                field="configured_hour",
                expected="0 to 23",
            )
        log_zone, planning_zone, planning_source = self._zones(user_id)
        explained, served_by, fallback_reason = self._ask(user_id, configured_hour)
        standing = Standing(
            timezone=log_zone or _NO_ZONE,
            timezone_source="log" if log_zone else "unknown",
            planning_timezone=planning_zone,
            planning_timezone_source=planning_source,
            served_by=served_by,
            fallback_reason=fallback_reason,
            least_confidence=self._stores.settings.schedule.least_confidence,
        )
        return ExplainedUser(tell(explained, standing), standing, explained)

    def _ask(
        self, user_id: UserId, configured_hour: int
    ) -> tuple[Explanation, ServedBy, FallbackReason | None]:
        """Return what a model said, which one, and why not the champion."""
        now, everybody = self._now(), self._stores.everybody
        said: dict[str, Explanation] = {}  # by the version that said it

        def week(model: ServableModel) -> pa.Table:
            with (
                self._stores.reader(self._tenant_id) as reader,
                everybody.view_of_user(reader, self._tenant_id, user_id, model, as_of=now) as view,
            ):
                told = said[model.version] = explain(
                    model,
                    view,
                    user_id,
                    as_of=now,
                    configured_hour=configured_hour,
                    chance_of_gain=chance_of_gain,
                )
            probability = [hour.open_probability for hour in told.week]
            return pa.table({columns.OPEN_PROBABILITY: probability})

        limits = self._stores.model_limits
        answer = serving.ask(
            self._stores.registry, self._tenant_id, week, rows=SLOTS_A_WEEK, limits=limits, now=now
        )
        if answer.model is None or answer.step is None:
            raise ModelNotServable(
                answer.skipped[0].detail,
                code=answer.skipped[0].reason,
                hint="without a model there is no choice to explain; run `sendopt train`",
            )
        return said[answer.model.version], answer.step, answer.reason

    def _zones(self, user_id: UserId) -> tuple[str | None, str, str]:
        """Return the user's last zone in the log; the one a plan would use, and who names that."""
        with self._stores.reader(self._tenant_id) as reader:
            row = user_status(reader, as_of=self._now(), user_id=user_id).to_pylist()
        log_zone = row[0]["timezone"] if row else None
        with self._read() as tx:
            try:
                profile_zone = users.get(tx, user_id).timezone
            except NotFound:  # users that only events have named have no profile
                if not row or erased.among(tx, [user_id]):
                    raise
                profile_zone = None
            (member,) = audience_members(
                [user_id],
                devices=[
                    device
                    for channel in Channel
                    for device in devices.reachable(tx, channel=channel, user_ids=[user_id])
                ],
                profile_zones={user_id: profile_zone} if profile_zone else {},
                log_zones={user_id: log_zone} if log_zone else {},
                opted_out=frozenset(),
                tenant_zone=tenants.get(tx).timezone,
            )
        return log_zone, member.timezone, member.timezone_source
