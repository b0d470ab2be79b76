"""What became of moments: the only part of features that looks ahead, never beyond `until`."""
