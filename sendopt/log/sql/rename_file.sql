-- Templated: the tables of the catalog itself.
update {metadata}.ducklake_data_file
set path = $path, record_count = $rows, file_size_bytes = $size, footer_size = $footer_size
where data_file_id = $number
