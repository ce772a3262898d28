"""Hardened parsers, limits, keys: what is security-critical and touches no network."""
