-- Templated: the tables of the catalog itself.
update {metadata}.ducklake_table_stats
set record_count = record_count + $more, next_row_id = next_row_id + $more
where table_id = $table
