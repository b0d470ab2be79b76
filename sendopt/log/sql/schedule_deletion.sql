-- Templated: the tables of the catalog itself.
insert into {metadata}.ducklake_files_scheduled_for_deletion
select $number, $path, true, cast(now() as varchar)
