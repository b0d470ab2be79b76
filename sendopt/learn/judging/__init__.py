"""Judge probabilities and choices on days that no model was fitted to; watch them drift."""
