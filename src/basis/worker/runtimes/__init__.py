"""Runtimes: one file each behind `base.Runtime`, all held to `conformance`."""
