"""The vendors' mappings that come with sendopt, and mappings of one's own."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from sendopt.errors import InvalidInput
from sendopt.ingest.mapping.grammar import Mapping
from sendopt.ingest.mapping.parse import parse
from sendopt.text import did_you_mean, quoted


def vendors() -> list[str]:
    """Return the names of the vendors whose exports can be read."""
    folder = files("sendopt.ingest.mapping")
    names = (file.name for file in folder.iterdir())
    return sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml"))


def load_mapping(*, vendor: str | None, file: Path | None) -> Mapping | None:
    """Return the mapping of a vendor or in a file; None if neither is named.

    Raises:
        InvalidInput: `option_conflict`, `vendor_unknown`, `file_missing`, `mapping_invalid`.
    """
    if vendor is not None and file is not None:
        raise InvalidInput(
            "a vendor's mapping or your own", code="option_conflict", field="--mapping"
        )
    if file is not None:
        if not file.is_file():
            raise InvalidInput(f"there is no file {file}", code="file_missing", field="--mapping")
        return parse(file.read_text("utf-8"), called=file.name)
    if vendor is None:
        return None
    if vendor not in vendors():
        raise InvalidInput(
            f"{quoted(vendor)} is no vendor whose exports are known",
            code="vendor_unknown",
            field="--from",
            expected=", ".join(vendors()),
            hint=did_you_mean(vendor, vendors())
            or "--mapping FILE reads any other; docs/importing.md says how to write one",
        )
    text = files("sendopt.ingest.mapping").joinpath(f"{vendor}.toml").read_text("utf-8")
    return parse(text, called=vendor)
