-- Templated: the lake. How many events of a file are not in the log.
select count(*)
from read_parquet($file, hive_partitioning = false) as held
anti join (
    select event_id
    from {lake}.main.event
    where tenant_id = $tenant_id
) using (event_id)
