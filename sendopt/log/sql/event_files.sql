-- Templated: the tables of the catalog itself. Grain: one row per file of events that some snapshot
-- reads: its number there, the folder of its table, and its path in that folder.
select f.data_file_id, s.path || t.path, f.path, f.begin_snapshot, f.record_count, f.file_size_bytes
from {metadata}.ducklake_data_file as f
join {metadata}.ducklake_table as t using (table_id)
join {metadata}.ducklake_schema as s using (schema_id)
where t.table_name = 'event' and t.end_snapshot is null and f.path_is_relative
order by f.data_file_id
