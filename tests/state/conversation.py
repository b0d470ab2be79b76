"""Calls of one tenant, each in a transaction of its own, and what each was answered."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import sqlalchemy as sa
from state.twins import ABSENT, TWINS

from sendopt.errors import SendoptError
from sendopt.records import TenantId
from sendopt.state import State, import_gate, metering, outbox, past_outcomes, results

_ADDRESS = re.compile(" at 0x[0-9a-f]+")
_IN_NO_ORDER = {
    past_outcomes.variant_answers,
    import_gate.abandoned,
    metering.keys,
    outbox.waiting_ids,
    results.counted_sends,
}


@dataclass(frozen=True)
class Answer:
    """What one call came to: what it returned, or the error that it raised."""

    asked: str
    said: Any


class Conversation:
    """Calls of one tenant, each in a transaction of its own; `heard` is told every answer."""

    def __init__(self, state: State, us: TenantId, heard: Callable[[Answer], None]) -> None:
        self.us = us
        self._state, self._heard = state, heard

    def read(self, function: Callable[..., Any], *args: Any, **named: Any) -> Any:
        return self._ask(self._state.read(self.us), function, args, named)

    def write(self, function: Callable[..., Any], *args: Any, **named: Any) -> Any:
        return self._ask(self._state.write(self.us), function, args, named)

    def read_fleet(self, function: Callable[..., Any], *args: Any, **named: Any) -> Any:
        return self._ask(self._state.read_fleet(), function, args, named, of=self._our_part)

    def write_fleet(self, function: Callable[..., Any], *args: Any, **named: Any) -> Any:
        return self._ask(self._state.write_fleet(), function, args, named, of=self._our_part)

    def meanwhile(self, statement: str, **given: Any) -> None:
        """Change rows of ours behind the back of every function."""
        with self._state.write(self.us) as tx:
            tx.execute(sa.text(statement), {"us": self.us, **given})

    def _ask(
        self,
        transaction: AbstractContextManager[Any],
        function: Callable[..., Any],
        args: tuple[Any, ...],
        named: Mapping[str, Any],
        *,
        of: Callable[[Any], Any] = lambda said: said,
    ) -> Any:
        try:
            with transaction as tx:
                said = function(tx, *args, **named)
                if isinstance(said, pa.Table):
                    said = sorted(said.to_pylist(), key=repr)
                if isinstance(said, Iterator) or function in _IN_NO_ORDER:
                    said = sorted(said, key=repr)
        except SendoptError as error:
            said = (type(error).__name__, error.code, str(error))
        given = ", ".join([*map(str, args), *(f"{name}={value}" for name, value in named.items())])
        asked = _ADDRESS.sub("", f"{function.__module__}.{function.__name__}({given})")
        ours = of(said)
        self._heard(Answer(asked, ours))
        return ours

    def _our_part(self, said: Any) -> Any:
        """Return what an answer about the whole fleet says of us, or of no tenant by name."""
        if isinstance(said, dict):
            return {key: value for key, value in said.items() if self._may_be_ours(key)}
        if isinstance(said, list):
            return [each for each in said if self._may_be_ours(each)]
        return said

    def _may_be_ours(self, each: Any) -> bool:
        if hasattr(each, "tenant_id"):
            return bool(each.tenant_id == self.us)
        parts = each if isinstance(each, tuple) else (each,)
        named = {part for part in parts if part in (*TWINS, ABSENT)}
        return not named or self.us in named
