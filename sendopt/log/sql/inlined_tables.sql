-- Templated: the tables of the catalog itself. Those in which it holds rows, and their tables.
select table_id, table_name from {metadata}.ducklake_inlined_data_tables
