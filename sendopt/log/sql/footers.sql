-- Grain: one row per row group of the files and column, with what the file itself says of them.
select file_name, path_in_schema, num_values, stats_null_count, stats_min_value, stats_max_value
from parquet_metadata($files)
