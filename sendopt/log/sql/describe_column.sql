-- Templated: the tables of the catalog itself.
update {metadata}.ducklake_file_column_stats
set column_size_bytes = $size, value_count = $values, null_count = $nulls, min_value = $least, max_value = $most
where data_file_id = $number and column_id in (
    select column_id from {metadata}.ducklake_column where table_id = $table and column_name = $name
)
