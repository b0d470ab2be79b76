"""Backups in an S3-compatible store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, BinaryIO, cast

from sendopt.backup.place import hashed
from sendopt.errors import StoreFailure

_CONNECT_SECONDS = 10
#: So does Arrow name what a store answers; the rest of its messages is for the curious.
_REFUSALS = ("ACCESS_DENIED", "INVALID_ACCESS_KEY_ID", "SIGNATURE_DOES_NOT_MATCH", "EXPIRED_TOKEN")


@dataclass(frozen=True)
class S3Access:
    """How to reach a store. Without a key the machine's own role or configuration counts."""

    endpoint: str  # host:port; empty = AWS
    region: str
    key_id: str
    secret: str = field(repr=False)
    use_ssl: bool


class S3Place:
    """Below a bucket and a prefix. One backup at a time: such a store has no lock to hold."""

    def __init__(self, url: str, access: S3Access) -> None:
        self._url = url
        self._root = url.removeprefix("s3://").strip("/")
        self._access = access

    @cached_property
    def _store(self) -> Any:
        # Takes 0.1 s to import, which only those who keep backups there should pay.
        from pyarrow.fs import S3FileSystem  # noqa: PLC0415

        access = self._access
        return S3FileSystem(
            access_key=access.key_id or None,
            secret_key=access.secret or None,
            region=access.region or None,
            endpoint_override=access.endpoint or None,
            scheme="https" if access.use_ssl else "http",
            connect_timeout=_CONNECT_SECONDS,
        )

    def names(self, folder: str) -> dict[str, int]:
        from pyarrow.fs import FileSelector  # noqa: PLC0415 - see _store

        selector = FileSelector(self._path(folder), allow_not_found=True)
        with self._explained("list"):
            found = self._store.get_file_info(selector)
        return {file.base_name: file.size for file in found if file.is_file}

    def open(self, name: str) -> BinaryIO:
        with self._explained("read"):
            return cast("BinaryIO", self._store.open_input_stream(self._path(name)))

    def write(self, name: str, source: BinaryIO) -> str:
        with self._explained("write"):
            out = self._store.open_output_stream(self._path(name))
            try:
                digest = hashed(source, out)
            except BaseException:
                # Arrow cannot give up what it has begun: what is there is not whole.
                out.close()
                self._store.delete_file(self._path(name))
                raise
            out.close()
            return digest

    def settle(self) -> None:
        """Do nothing: a store answers a write when it is durable."""

    def delete(self, name: str) -> None:
        with self._explained("delete"):
            self._store.delete_file(self._path(name))

    def alone(self) -> AbstractContextManager[None]:
        return nullcontext()

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    @contextmanager
    def _explained(self, verb: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            if "NO_SUCH_BUCKET" in str(error) or "ucket" in str(error):
                raise self._failure(verb, "there is no such bucket", "make the bucket") from error
            raise
        except OSError as error:
            if any(refusal in str(error) for refusal in _REFUSALS):
                raise self._failure(
                    verb,
                    "the store refuses the credentials",
                    "see SENDOPT_BACKUP__S3_KEY_ID and SENDOPT_BACKUP__S3_SECRET, and what they "
                    "may do: list, read, write, delete",
                ) from error
            raise self._failure(
                verb,
                "the store does not answer as it should",
                "see SENDOPT_BACKUP__S3_ENDPOINT, and repeat the command: it goes on where this "
                "one ended",
            ) from error

    def _failure(self, verb: str, why: str, hint: str) -> StoreFailure:
        return StoreFailure(
            f"{self._url}: {why} ({verb})", statement=verb, code="backup_place_failed", hint=hint
        )
