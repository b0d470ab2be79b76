"""Read other senders' exports as events, by a mapping that is data.

Owns: the grammar of mappings, the vendors' mappings (one TOML file each), how rows of theirs become
rows of the Event contract. Does not own: whether such a row is an event; `ingest.judge` says so.
In: CSV, JSON Lines, Parquet, Avro.  Out: chunks of the contract's columns.
`docs/importing.md` has the grammar and a table for each vendor.
"""

from sendopt.ingest.mapping.grammar import Mapping
from sendopt.ingest.mapping.read import mapped_chunks, require_mappable
from sendopt.ingest.mapping.shipped import load_mapping, vendors

__all__ = ["Mapping", "load_mapping", "mapped_chunks", "require_mappable", "vendors"]
