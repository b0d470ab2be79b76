-- Templated: maintenance functions take the catalog as a constant. As delete_merged_files, at once.
call ducklake_cleanup_old_files({lake}, cleanup_all => true)
