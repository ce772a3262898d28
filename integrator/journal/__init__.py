"""The transparency log: what every exchange leaves behind, and how it is found, sealed and checked."""
