-- zone_name
-- Grain: one row per zone of the IANA database, by name.
-- Params: $names.
-- In place of pg_timezone_names(): those are of DuckDB's own database, whose release is another one.
create temporary table zone_name as
select unnest($names) as name
