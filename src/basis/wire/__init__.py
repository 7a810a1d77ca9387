"""What orchestrator and worker say to each other: the types, and nothing that speaks them.

Both sides import this room, and so does nobody's money. The prose is
docs/reference/worker-protocol.md, from which a worker can be written in any language.
"""
