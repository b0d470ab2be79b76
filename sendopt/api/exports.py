"""Send a file while it is made, a piece at a time, for as long as its client takes it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from fastapi import Request
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from sendopt.api.admission import caller_of
from sendopt.api.threads import in_thread
from sendopt.api.turns import Turns
from sendopt.app.table_files import Form, Table, written

#: How an answer with a file is described.
FILE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The table, as it is made",
        "content": {
            Form.CSV.media_type: {
                "schema": {"type": "string"},
                "example": "user_id,timezone,opted_out_at\r\nuser-7,Europe/Vienna,\r\n",
            },
            Form.PARQUET.media_type: {
                "schema": {"type": "string", "contentMediaType": Form.PARQUET.media_type},
                "example": "PAR1...",
            },
        },
    }
}
_MOST_AT_ONCE = 4


class Exports(Turns):
    """Turns to send a file, which lasts for as long as its client takes."""

    def __init__(self) -> None:
        super().__init__("exports", at_once=_MOST_AT_ONCE, waiting=0, patience=0.0)


class Exported(StreamingResponse):
    """A file that is made while it is sent; whoever goes away ends it."""

    def __init__(self, pieces: AsyncIterator[bytes], *, ended: Callable[[], None], **options: Any):
        super().__init__(pieces, **options)
        self._ended = ended

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._ended()


async def streamed(request: Request, table: Callable[[], Table], form: Form) -> Exported:
    """Return the file of a table, of which the first piece is made: what fails does so before.

    Raises:
        Overloaded: so many files are being sent already.
        SendoptError: whatever `table` raises.
    """
    turns: Exports = request.app.state.exports
    caller = caller_of(request.scope)
    await turns.take(caller)
    try:
        name, pieces, first = await in_thread(lambda: _begun(table(), form))
    except BaseException:
        turns.give_back(caller)
        raise

    async def all_pieces() -> AsyncIterator[bytes]:
        yield first
        while (piece := await in_thread(lambda: next(pieces, None))) is not None:
            yield piece

    return Exported(
        all_pieces(),
        ended=lambda: turns.give_back(caller),
        media_type=form.media_type,
        headers={"Content-Disposition": f'attachment; filename="{name}.{form}"'},
    )


def _begun(table: Table, form: Form) -> tuple[str, Iterator[bytes], bytes]:
    pieces = written(table, form)
    return table.name, pieces, next(pieces)
