-- Templated: the tables of the catalog itself.
-- One of the tables in which the catalog speaks of a file of which nothing is left.
delete from {metadata}.ducklake_{table} where data_file_id = $number
