-- Templated: maintenance functions take the catalog as a constant.
call ducklake_flush_inlined_data({lake})
