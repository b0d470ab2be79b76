-- duckdb_tables() would look into every attached lake, also one that is just being detached.
select 1
from ducklake_table_info(current_database())
where table_name = 'schema_version'
