"""WHAT THE CHAIN SAYS: reads of an EVM node, and of files that somebody signed about one."""
