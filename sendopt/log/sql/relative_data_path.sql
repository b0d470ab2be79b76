-- Templated: names of catalogs are no parameters. The path is noted where the lake is made, and
-- overridden wherever it is attached; relative, it is right after a move as well.
update {metadata}.ducklake_metadata set value = $data_path
where key = 'data_path' and value <> $data_path
