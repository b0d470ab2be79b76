-- Templated: the tables of the catalog itself. Grain: one row per table and column, with what the
-- catalog says of all rows of the table together, in files and in the catalog.
select
    t.table_id,
    t.table_name,
    c.column_name,
    c.column_type,
    g.contains_null,
    g.min_value,
    g.max_value
from {metadata}.ducklake_table_column_stats as g
join {metadata}.ducklake_table as t using (table_id)
join {metadata}.ducklake_column as c on c.table_id = g.table_id and c.column_id = g.column_id
where t.end_snapshot is null and c.end_snapshot is null
