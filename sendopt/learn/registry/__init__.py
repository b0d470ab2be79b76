"""Keep models with their cards, say which one serves, and remember every change of it."""
