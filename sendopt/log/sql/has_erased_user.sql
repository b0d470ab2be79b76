-- Whether a file holds an event of a user who is to be erased. Reads: erased.
select 1
from read_parquet($file, hive_partitioning = false)
where user_id in (select user_id from erased)
limit 1
