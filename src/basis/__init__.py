"""Basis: an open inference network. The story of the package is told in ARCHITECTURE.md."""

__version__ = "0.1.0"
