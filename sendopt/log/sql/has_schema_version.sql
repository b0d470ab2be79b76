select 1
from duckdb_tables()
where database_name = current_database() and table_name = 'schema_version'
