-- Templated: the tables of the catalog itself.
-- Grain: one row per column of events that is a text or an instant, with the bounds of all files.
select
    s.column_id,
    bool_or(s.value_count > 0 and s.min_value is null) as unknown,
    min(s.min_value) as least,
    max(s.max_value) as most
from {metadata}.ducklake_file_column_stats as s
join {metadata}.ducklake_column as c using (table_id, column_id)
where s.table_id = $table and c.end_snapshot is null
    and c.column_type in ('varchar', 'timestamptz')
group by s.column_id
