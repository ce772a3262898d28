"""Data formats of the engine: one module each, with its specification."""
