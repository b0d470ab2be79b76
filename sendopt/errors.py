"""Every error that sendopt raises on purpose.

    SendoptError                 anything we can explain; carries code, field, expected, hint
    ├── InvalidInput             (also ValueError) what was given breaks a stated rule
    ├── NotFound                 (also LookupError) unknown; another tenant's looks the same
    ├── Conflict                 contradicts what is stored; retrying unchanged will not help
    ├── NotAuthorized            no, unknown, revoked or expired credentials
    ├── NotPermitted             valid credentials, whose role does not allow this
    ├── LeaseHeld                another process holds the only right to do this
    ├── StoreFailure             a store refused a statement; names it, keeps the cause
    │   └── RowRefused           because of what a row holds: another row would be stored
    ├── Overloaded               too much waits already; this was not begun
    │   └── TooManyRequests      and most of what waits is this caller's own
    ├── ModelNotServable         no champion, or it does not fit today's features
    ├── SolverFailed             a numerical routine found no solution; nothing is made of it
    └── InvariantBroken          stored facts contradict each other

A `code` is stable and documented: programs branch on it, people read the message.
"""

from __future__ import annotations

from collections.abc import Iterable

from sendopt.masking import masked

#: So many of the faults of one thing are told.
MOST_TOLD = 100


class SendoptError(Exception):
    """A failure with its explanation.

    Attributes:
        code: stable snake_case identifier, never translated.
        message: one sentence for people, without any secret.
        field: JSON Pointer (RFC 6901) or column name of the offending value.
        expected: the limit or form that was broken.
        hint: what to do about it.
    """

    code = "failed"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        field: str | None = None,
        expected: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(masked(message))
        self.message = masked(message)
        self.code = code or type(self).code
        self.field = field
        self.expected = expected
        self.hint = hint if hint is None else masked(hint)

    def __str__(self) -> str:
        parts = [f"{self.field}: {self.message}" if self.field else self.message]
        if self.expected:
            parts.append(f"expected {self.expected}")
        if self.hint:
            parts.append(self.hint)
        return "; ".join(parts)


class InvalidInput(SendoptError, ValueError):
    """What was given breaks a stated rule; nothing of it was stored.

    Attributes:
        others: what else is wrong with it, so that everything can be mended at once.
    """

    code = "invalid"
    others: tuple[InvalidInput, ...] = ()

    @property
    def faults(self) -> tuple[InvalidInput, ...]:
        """This fault and every other one."""
        return (self, *self.others)

    def at(self, field: str) -> InvalidInput:
        """Return the same fault as the one of `field`."""
        return InvalidInput(
            self.message, code=self.code, field=field, expected=self.expected, hint=self.hint
        )

    def __str__(self) -> str:
        told = super().__str__()
        return f"{told}; also wrong: {'; '.join(map(str, self.others))}" if self.others else told


def together(faults: Iterable[InvalidInput]) -> InvalidInput:
    """Return one error for all of `faults`, at least one: the first, which knows the others."""
    first, *others = (each for fault in faults for each in fault.faults)
    first.others = tuple(others[: MOST_TOLD - 1])
    if more := len(others) - len(first.others):
        first.hint = f"{first.hint}; " if first.hint else ""
        first.hint += f"{more:,} further faults are not listed"
    return first


class NotFound(SendoptError, LookupError):
    """Unknown to this tenant. Another tenant's rows give the same answer, word for word."""

    code = "not_found"


class Conflict(SendoptError):
    """Contradicts what is already stored; the first stays."""

    code = "conflict"


class NotAuthorized(SendoptError):
    """Credentials are missing, unknown, revoked or expired; the answer never says which."""

    code = "not_authorized"


class NotPermitted(SendoptError):
    """The credentials are valid; their role does not allow this."""

    code = "not_permitted"


class LeaseHeld(SendoptError):
    """Another process holds the only right to do this."""

    code = "lease_held"


class StoreFailure(SendoptError):
    """A store refused a statement. `statement` is its name, never its text or its parameters."""

    code = "store_failure"

    def __init__(
        self, message: str, *, statement: str, code: str | None = None, hint: str | None = None
    ) -> None:
        super().__init__(message, code=code, hint=hint)
        self.statement = statement


class RowRefused(StoreFailure):
    """A store refused what a row holds; neither the store nor its disk has failed."""


class Overloaded(SendoptError):
    """Too much waits already; nothing of this was begun, and a repetition in a moment may do."""

    code = "overloaded"


class TooManyRequests(Overloaded):
    """One caller has more requests open than its share; the others are served meanwhile."""

    code = "too_many_requests"


class ModelNotServable(SendoptError):
    """There is no champion, or it does not fit the features of today."""

    code = "model_not_servable"


class SolverFailed(SendoptError):
    """A numerical routine found no solution that passes its own check; nothing is made of it."""

    code = "solver_failed"


class InvariantBroken(SendoptError):
    """Stored facts contradict each other; `sendopt verify` names them all."""

    code = "invariant_broken"
