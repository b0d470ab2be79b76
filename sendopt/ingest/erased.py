"""What is said of an event whose user was erased."""

from __future__ import annotations

from sendopt.errors import InvalidInput


def user_erased() -> InvalidInput:
    """Say that an event is of somebody who was erased, and not of whom."""
    return InvalidInput(
        "names a user who was erased",
        code="user_erased",
        field="user_id",
        expected="a user who was not erased",
        hint="nothing of it was stored; whoever wants to come back is readmitted first: "
        "`sendopt users readmit USER`",
    )
