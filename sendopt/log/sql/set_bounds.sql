-- Templated: the tables of the catalog itself.
update {metadata}.ducklake_table_column_stats
set min_value = $least, max_value = $most
where table_id = $table and column_id = $column
