"""What can go wrong with a node of a chain; nothing was recorded.

BasisError
└── ChainFault                what a node says of its chain cannot be used
    ├── ChainUnreachable      the node gives no answer, or none for now
    ├── WrongChain            the node is of another chain
    ├── BlockUnavailable      the node does not know the block, or its state no longer
    ├── ChainMoved            the block was replaced by another while it was read
    └── NotAContract          nothing at the address answers as a contract of this kind
"""

from __future__ import annotations

from basis.rules.errors import BasisError


class ChainFault(BasisError):
    """What a node says of its chain cannot be used; nothing of it was recorded.

    Messages never hold the node's address: a key of its operator's may stand in it.
    """

    code = "chain_fault"


class ChainUnreachable(ChainFault):
    """The node gives no answer, or says that it has none for now."""

    code = "chain_unreachable"
    retryable = True


class WrongChain(ChainFault):
    """The node is of another chain than the one that was asked for."""

    code = "wrong_chain"


class BlockUnavailable(ChainFault):
    """The node does not know the block, or has thrown its state away."""

    code = "block_unavailable"


class ChainMoved(ChainFault):
    """The chain replaced the block by another while it was read."""

    code = "chain_moved"
    retryable = True


class NotAContract(ChainFault):
    """At the address is no contract, or none that answers as its kind does."""

    code = "not_a_contract"
