-- Templated: the tables of the catalog itself.
-- Where the catalog holds rows of a table itself.
select table_name
from {metadata}.ducklake_inlined_data_tables
where table_id = $table
order by schema_version desc
limit 1
