-- Grain: one row per column of a file, with the number by which DuckLake knows it.
select name, field_id from parquet_schema($file) where field_id is not null
