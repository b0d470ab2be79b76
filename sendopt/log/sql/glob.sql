select file from glob($pattern)
