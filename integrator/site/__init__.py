"""A site: the YAML files that register flows, adapters, parties and grants, and their compiled form."""
