"""The Walloon integrator: an enterprise service bus for exchanges between public bodies."""

__version__ = "0.1.0"
