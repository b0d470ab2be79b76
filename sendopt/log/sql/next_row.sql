-- Templated: the tables of the catalog itself.
select next_row_id from {metadata}.ducklake_table_stats where table_id = $table
