-- Templated: the tables of the catalog itself. Grain: one row per file that some snapshot reads, by
-- where it lies below the data.
select d.path, d.path_is_relative, t.path as table_path, s.path as schema_path
from (
    select table_id, path, path_is_relative from {metadata}.ducklake_data_file
    union all
    select table_id, path, path_is_relative from {metadata}.ducklake_delete_file
) as d
join {metadata}.ducklake_table as t using (table_id)
join {metadata}.ducklake_schema as s using (schema_id)
order by all
