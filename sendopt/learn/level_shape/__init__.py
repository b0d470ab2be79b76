"""The level-shape model: how much a user answers, times when, both shrunken to everybody's."""
