-- Templated: the tables of the catalog itself.
-- Of the second column of `batch` and of `batch_checksum`, which is a number.
select column_id, min_value, max_value
from {metadata}.ducklake_table_column_stats
where table_id = $table and column_id = 2
