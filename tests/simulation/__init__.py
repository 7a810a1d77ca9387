"""Many random operations, seeded, over the real parts."""
