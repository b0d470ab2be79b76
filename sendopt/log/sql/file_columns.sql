-- Grain: one row per column of a file, with what the catalog has to know of it. A bound is null where
-- a row group that holds a value says none.
with part as (
    select
        path_in_schema as column_name,
        num_values as values,
        stats_null_count as nulls,
        stats_min_value as least,
        stats_max_value as most,
        total_compressed_size as size,
        type = 'DOUBLE' as is_number
    from parquet_metadata($file)
)
select
    column_name,
    sum(size)::bigint as column_size_bytes,
    sum(values - nulls)::bigint as value_count,
    sum(nulls)::bigint as null_count,
    case
        when bool_or(values > nulls and least is null) then null
        when any_value(is_number) then arg_min(least, try_cast(least as double))
        else min(least)
    end as min_value,
    case
        when bool_or(values > nulls and most is null) then null
        when any_value(is_number) then arg_max(most, try_cast(most as double))
        else max(most)
    end as max_value
from part
group by column_name
