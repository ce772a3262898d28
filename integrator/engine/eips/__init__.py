"""Steps of the engine: one module each, with its specification."""
