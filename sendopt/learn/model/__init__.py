"""The model as it is served: its parts, its inputs, its artifact, its probabilities."""
