-- What the catalog has to know of a file as a whole.
select num_rows, file_size_bytes, footer_size from parquet_file_metadata($file)
