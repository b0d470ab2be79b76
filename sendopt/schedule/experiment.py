"""The experiment of a campaign: how its definition is read, and what contradicts in it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from sendopt.errors import InvalidInput
from sendopt.records import Arm, Experiment, MessageClass, UserId
from sendopt.schedule.fields import User
from sendopt.strict_json import StrictModel, escaped
from sendopt.text import quoted

EXAMPLE: dict[str, Any] = {
    "arms": {"optimised": 0.7, "configured": 0.1, "random": 0.1, "no_send": 0.1},
    "assignment": "hashed",
}

_ROUNDING = 1e-9  # of shares such as 0.7 + 0.2 + 0.1

Share = Annotated[float, Field(ge=0, le=1)]


class ArmShares(StrictModel):
    """Which share of the users is in each arm; together 1."""

    optimised: Share = 0.0
    no_send: Share = 0.0
    configured: Share = 0.0
    random: Share = 0.0
    population_hour: Share = 0.0
    user_histogram: Share = 0.0


class ExperimentDefinition(StrictModel):
    """The arms that the users are divided into, and by whom."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    arms: ArmShares
    assignment: Literal["hashed", "given"] = "hashed"
    assigned: (
        dict[
            User,
            Literal[
                "optimised",
                "no_send",
                "configured",
                "random",
                "population_hour",
                "user_histogram",
            ],
        ]
        | None
    ) = None


def experiment(given: ExperimentDefinition | None) -> Experiment | None:
    """Return the experiment that a definition without contradictions asks for."""
    if given is None:
        return None
    shares = given.arms.model_dump()
    assigned = given.assigned
    return Experiment(
        {arm: shares[arm] for arm in Arm if shares.get(arm)},
        None if assigned is None else {UserId(user): Arm(assigned[user]) for user in assigned},
    )


def contradictions_of_experiment(definition: Mapping[str, Any]) -> Iterator[InvalidInput]:
    """Yield every fault between the parts of an experiment, and with the rest of the campaign."""
    given = definition.get("experiment")
    if not isinstance(given, dict):
        return
    if definition.get("holdout") is not None:
        yield _invalid(
            "stands beside a holdout",
            field="/experiment",
            expected="one of the two",
            hint='an arm "configured" or "random" is what a holdout keeps',
        )
    arms = given.get("arms")
    shares = {
        name: share
        for name, share in (arms.items() if isinstance(arms, dict) else ())
        if isinstance(share, float | int) and not isinstance(share, bool)
    }
    if isinstance(arms, dict) and len(shares) == len(arms):
        yield from _of_shares(shares, definition)
    if definition.get("audience") == "triggered":
        yield from _of_hours(shares)
    yield from _of_assignment(given, shares, definition.get("audience"))


def _of_shares(
    shares: Mapping[str, float], definition: Mapping[str, Any]
) -> Iterator[InvalidInput]:
    total = math.fsum(shares.values())
    if abs(total - 1.0) > _ROUNDING:
        yield _invalid(
            f"the shares sum to {total:g}",
            field="/experiment/arms",
            expected="shares that sum to 1",
        )
    elif sum(share > 0 for share in shares.values()) < 2:
        yield _invalid(
            "has one arm, which is held against none",
            field="/experiment/arms",
            expected="two arms at least",
        )
    owed = definition.get("message_class", MessageClass.MARKETING) != MessageClass.MARKETING
    if shares.get(Arm.NO_SEND) and (owed or definition.get("urgent") is True):
        yield _invalid(
            "keeps back messages that are owed to their users",
            field="/experiment/arms/no_send",
            expected="no such arm in a campaign that is urgent or not of the class marketing",
        )


def _of_hours(shares: Mapping[str, float]) -> Iterator[InvalidInput]:
    """Refuse arms whose times follow from what many users did, which nobody reads for one send."""
    for arm in (Arm.POPULATION_HOUR, Arm.USER_HISTOGRAM):
        if shares.get(arm):
            yield _invalid(
                "would have to read many users for one send",
                field=f"/experiment/arms/{arm}",
                expected="no such arm in a triggered campaign",
            )


def _of_assignment(
    given: Mapping[str, Any], shares: Mapping[str, float], audience: Any
) -> Iterator[InvalidInput]:
    assigned, assignment = given.get("assigned"), given.get("assignment", "hashed")
    if assignment == "given" and assigned is None:
        yield InvalidInput(
            "is missing",
            code="missing_field",
            field="/experiment/assigned",
            expected="the arm of each user, as the assignment is given",
        )
    if assignment == "hashed" and assigned is not None:
        yield _invalid(
            "names arms that a hash would draw",
            field="/experiment/assigned",
            expected='"assignment": "given", or nothing here',
        )
    members = set(map(str, audience)) if isinstance(audience, list) else None
    for user, arm in assigned.items() if isinstance(assigned, dict) else ():
        place = f"/experiment/assigned/{escaped(user)}"
        if members is not None and user not in members:
            yield InvalidInput(
                "is not in the audience",
                code="audience_invalid",
                field=place,
                expected="a user of the audience",
            )
        if isinstance(arm, str) and arm in {*Arm} and not shares.get(arm):
            yield _invalid(
                f"is in the arm {quoted(arm)}, which has no share",
                field=place,
                expected="an arm of `arms` with the share of the users that you gave it",
            )


def _invalid(what: str, *, field: str, expected: str, hint: str | None = None) -> InvalidInput:
    return InvalidInput(what, code="experiment_invalid", field=field, expected=expected, hint=hint)
