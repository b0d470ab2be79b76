-- Templated. Whether a snapshot is of a release that sums up what it appends.
select 1
from __ducklake_metadata_{lake}.ducklake_table
where table_name = 'batch_checksum' and begin_snapshot <= {snapshot}
