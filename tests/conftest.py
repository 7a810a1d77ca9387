"""What every test starts from."""

from __future__ import annotations

# hypothesis imports this in the middle of its first test. pytest rewrites it then, by `ast.parse`,
# which CPython 3.11 breaks off with a SystemError if a traceback is formatted meanwhile, as a
# collected coroutine may do.
import hypothesis.internal.conjecture.optimiser  # noqa: F401 - to be there early

from basis.chain.recursion import kept_recursion_limit

# Tests import it, and others in the same process rely on the limit that it would lift.
with kept_recursion_limit():
    import eth_account  # noqa: F401 - to be there before anybody needs the limit
