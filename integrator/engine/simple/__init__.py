"""Camel's simple language: its own parser and compiler to closures."""
