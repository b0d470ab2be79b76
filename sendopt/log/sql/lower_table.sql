-- Templated: the tables of the catalog itself.
update {metadata}.ducklake_table_stats
set record_count = record_count - $gone, file_size_bytes = file_size_bytes - $smaller
where table_id = $table
