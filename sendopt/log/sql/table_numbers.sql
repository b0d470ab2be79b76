-- Templated: the tables of the catalog itself. The number of each of our tables by its name.
select table_name, table_id from {metadata}.ducklake_table where end_snapshot is null
