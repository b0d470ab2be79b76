-- Templated: the tables of the catalog itself.
-- A row of `batch` or of `batch_checksum`, as if the append of a snapshot had written it.
insert into {metadata}.{table} values ($row, $snapshot, null, $tenant, $total)
