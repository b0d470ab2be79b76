select snapshot from named_snapshot where name = $name
