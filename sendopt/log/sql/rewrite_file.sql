-- Templated: copy takes no parameters. A file of events without those of the erased, and with those of
-- `kept` as they are told there; what DuckLake notes of each row beside it stays.
copy (
    select {columns}
    from read_parquet({file}, hive_partitioning = false) as e
    left join kept as k on k.event_id_before = e.event_id and k.user_id_before = e.user_id
    where e.user_id not in (select user_id from erased) or k.event_id_before is not null
) to {target} (format parquet, field_ids {field_ids})
