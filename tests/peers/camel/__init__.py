"""A real Apache Camel beside the embedded engine: the same cases on both, compared."""
