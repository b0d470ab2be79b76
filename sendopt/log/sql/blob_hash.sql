select size, sha256(content) from read_blob($path)
