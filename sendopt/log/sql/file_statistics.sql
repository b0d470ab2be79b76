-- Templated: the tables of the catalog itself. $files: names below the folder of the data. Grain: one
-- row per column of those that are files of the newest snapshot, with what the catalog says of it.
select
    t.table_id,
    t.table_name,
    s.path || t.path || d.path as file,
    c.column_name,
    c.column_type,
    f.value_count,
    f.null_count,
    f.min_value,
    f.max_value
from {metadata}.ducklake_data_file as d
join {metadata}.ducklake_table as t using (table_id)
join {metadata}.ducklake_schema as s using (schema_id)
join {metadata}.ducklake_file_column_stats as f using (data_file_id)
join {metadata}.ducklake_column as c on c.table_id = d.table_id and c.column_id = f.column_id
where list_contains($files, s.path || t.path || d.path)
    and d.end_snapshot is null and t.end_snapshot is null and c.end_snapshot is null
