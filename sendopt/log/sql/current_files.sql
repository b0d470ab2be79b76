-- Templated: the lake's functions take no parameters. Every file of the newest snapshot, of every
-- table that has files, once.
select distinct file
from (
    select unnest([data_file, delete_file]) as file
    from (
        from ducklake_list_files('{lake}', 'event')
        union all
        from ducklake_list_files('{lake}', 'batch')
        union all
        from ducklake_list_files('{lake}', 'batch_checksum')
        union all
        from ducklake_list_files('{lake}', 'outbox_mark')
    )
)
where file is not null
order by file
