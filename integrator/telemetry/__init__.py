"""Metrics, structured logs and their redaction: never personal data."""
