"""WHAT ANYBODY CAN CHECK. Recomputes published periods twice, from their files alone.

It shares `rules/` with the server and nothing else: no database, no settings, no network.
"""
