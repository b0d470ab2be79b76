-- Templated: attach takes no parameters.
attach {catalog} as {lake} ({options})
