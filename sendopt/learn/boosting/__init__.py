"""Trees on the offset of the level-shape model, and their tables for scoring."""
