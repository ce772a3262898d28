"""The sandbox: simulators of connected systems with synthetic persons, on loopback only."""
