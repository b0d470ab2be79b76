"""Which files an import reads, and as what: by their names, and for .json by how it begins."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from sendopt.errors import InvalidInput
from sendopt.ingest.csv import read_csv
from sendopt.ingest.emptiness import refuse_empty
from sendopt.ingest.jsonl import read_jsonl
from sendopt.ingest.mapping import Mapping, require_mappable
from sendopt.ingest.parquet import read_parquet
from sendopt.ingest.raw import Chunk, Options

Reader = Callable[[Path, Options], Iterator[Chunk]]

_PACKED = (".csv", ".tsv", ".tab", ".jsonl", ".ndjson", ".json")
READERS: dict[str, Reader] = {
    ".parquet": read_parquet,
    ".pq": read_parquet,
    ".csv": read_csv,
    ".tsv": read_csv,
    ".tab": read_csv,
    ".jsonl": read_jsonl,
    ".ndjson": read_jsonl,
    ".json": read_jsonl,
}

_ADVICE = {
    ".xlsx": "save the sheet as CSV (UTF-8)",
    ".xls": "save the sheet as CSV (UTF-8)",
    ".zip": "unpack it first; of packed files only .gz is read",
    ".bz2": "unpack it first: bunzip2 FILE",
    ".xz": "unpack it first: unxz FILE",
    ".zst": "unpack it first: unzstd FILE",
    ".tar": "unpack it first, and name the folder",
    ".tgz": "unpack it first, and name the folder",
    ".txt": "name it .csv, .tsv or .jsonl, after what is in it",
    ".orc": "write it as Parquet",
    ".arrow": "write it as Parquet",
    ".feather": "write it as Parquet",
    ".avro": "write it as Parquet or as JSON Lines; --mapping reads Avro as it is",
}


def files_of(path: Path, mapping: Mapping | None = None) -> list[Path]:
    """Return the files that `path` stands for: itself, or the parts in a folder, by name.

    Names that begin with a dot or an underscore are not looked at: they tell of the parts.

    Raises:
        InvalidInput: `file_missing`, `file_kind_unknown`, and `file_name_unfit` with a mapping;
            before anything is read.
    """
    if path.is_dir():
        found = sorted(each for each in path.rglob("*") if each.is_file() and _is_part(path, each))
        if not found:
            raise InvalidInput(f"there is no file in the folder {path}", code="file_missing")
    else:
        found = [path]
    for each in found:
        if mapping is None:
            reader_of(each)
        else:
            require_mappable(each, mapping)
    return found


def reader_of(path: Path) -> Reader:
    """Return what reads `path`.

    Raises:
        InvalidInput: `file_missing`, `file_kind_unknown`, `file_empty`.
    """
    if not path.is_file():
        raise InvalidInput(f"there is no file {path}", code="file_missing")
    suffixes = [suffix.lower() for suffix in path.suffixes]
    suffix = suffixes[-1] if suffixes else ""
    if suffix == ".gz" and len(suffixes) > 1 and suffixes[-2] in _PACKED:
        suffix = suffixes[-2]
    if suffix not in READERS:
        raise InvalidInput(
            f"{path.name} is of an unknown kind",
            code="file_kind_unknown",
            expected=f"a name that ends in {', '.join(READERS)}; text also with .gz behind it",
            hint=_ADVICE.get(suffix),
        )
    refuse_empty(path)
    if suffix == ".json":
        _require_lines(path)
    return READERS[suffix]


def names_of(paths: Sequence[Path]) -> dict[Path, str]:
    """Return what reports call each file: its name, with its folder where two share one."""
    names = [path.name for path in paths]
    return {p: p.name if names.count(p.name) == 1 else f"{p.parent.name}/{p.name}" for p in paths}


def _is_part(folder: Path, file: Path) -> bool:
    return not any(name.startswith((".", "_")) for name in file.relative_to(folder).parts)


def _require_lines(path: Path) -> None:
    """Refuse one large JSON text: a .json file is read if it holds one object a line."""
    try:
        with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as file:
            begins = file.read(4096).removeprefix(b"\xef\xbb\xbf").lstrip()
    except (OSError, EOFError):
        return  # told by whoever reads it
    first_line = begins.split(b"\n", 1)[0].strip()
    if begins.startswith(b"[") or first_line == b"{":
        raise InvalidInput(
            f"{path.name} is one JSON text over many lines",
            code="file_kind_unknown",
            expected="JSON Lines, one object a line; or .parquet, .csv",
            hint=f"jq -c '.[]?' {path.name} > events.jsonl"
            if begins.startswith(b"[")
            else f"jq -c . {path.name} > events.jsonl",
        )
