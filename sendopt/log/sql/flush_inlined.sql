-- Templated: maintenance functions take the catalog as a constant. The hashes of files stay in the
-- catalog: a file of them would need a hash itself.
call ducklake_flush_inlined_data({lake}, table_name => {table})
