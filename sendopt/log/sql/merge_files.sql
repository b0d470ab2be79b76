-- Templated: maintenance functions take the catalog as a constant.
call ducklake_merge_adjacent_files({lake})
