-- Templated: maintenance functions take the catalog as a constant. Snapshots are never expired, so
-- only files whose rows were merged into another one are up for deletion.
call ducklake_cleanup_old_files({lake}, older_than => now() - interval 1 day)
