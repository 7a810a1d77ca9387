"""What the chain says: reads of a real node, and signed files."""
