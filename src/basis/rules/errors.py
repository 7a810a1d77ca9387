"""Every failure that a caller of Basis can meet and is expected to handle.

BasisError
├── InvalidInput              the caller sent something unusable; names the parameter
│   ├── InvalidWallet         not an EVM address, or its EIP-55 checksum is wrong
│   ├── InvalidSignature      nobody's, somebody else's, or of another file
│   ├── UnknownAsset          no asset of this symbol
│   ├── DamagedExport         a published period is not as it was signed, or one is missing
│   ├── UnsupportedFeature    well formed, but the model's runtime cannot do it
│   ├── UnknownAccount        the chart of accounts has no such account, or not in this asset
│   └── ContextExceeded       prompt and answer do not fit into the model's context
├── UnknownModel              no such model in the catalog
├── NotFound                  no such receipt, batch, worker, key
├── Unauthenticated           no key or token, or a wrong or revoked one
├── Forbidden                 a valid identity that may not do this
├── InsufficientCredits       the customer has fewer credits than the job can cost
│   └── BudgetExceeded        the key has fewer left for today
├── Conflict                  an identity is already taken, or a record exists with other content
│   ├── IllegalTransition     the state machine has no such step
│   └── FloorBroken           an entry would take an account past the bound of its row in the chart
├── TooLarge                  more bytes than the limit
├── TooSlow                   the request took longer to come than the limit
├── RetryLater                try again after `retry_after_s`
│   ├── LimitExceeded         too many requests
│   │   └── QueueFull         as many jobs wait for the model as may
│   ├── Overloaded            as much is open as the operator allows
│   │   └── RosterFull        as many workers are registered as the operator allows
│   └── RuntimePending        no worker can serve the model now
├── JobFailed                 the job was tried and could not be completed
├── Unreachable               another machine of the network gave no answer
├── StorageUnavailable        the durable store refused a write; nothing was recorded
└── Misconfigured             a setting, file or folder of the operator's is wrong
    ├── SchemaDiffers         the store was written by an older or a newer version of basis
    └── DamagedRecord         a record in the store is not spelt as basis writes it

Those of one chapter alone grow from this tree where it is told: `basis.rules.offer_errors`,
`basis.rules.chain_errors`.
`code` is stable and machine-readable; `retryable` says whether the same call may succeed later.
The mapping to HTTP stands once, in `basis.gateway.errors`.
"""

from __future__ import annotations

from typing import ClassVar


class BasisError(Exception):
    """Head of the tree. The message names the offending value and says what to do."""

    code: ClassVar[str] = "basis_error"
    retryable: ClassVar[bool] = False

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class InvalidInput(BasisError):
    """The caller sent something unusable; `param` is its name in the request, if it has one."""

    code = "invalid_input"

    def __init__(self, message: str, *, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param


class InvalidWallet(InvalidInput):
    """Not an EVM address: 20 bytes of hex after 0x, EIP-55 checksum if of mixed case."""

    code = "invalid_wallet"


class InvalidSignature(InvalidInput):
    """No signature, or not the one that this file needs."""

    code = "invalid_signature"


class UnknownAsset(InvalidInput):
    """The network has no asset of this symbol."""

    code = "unknown_asset"


class DamagedExport(InvalidInput):
    """Published files that are not as they were signed, or do not follow from each other."""

    code = "damaged_export"


class UnsupportedFeature(InvalidInput):
    """A well-formed request for something that no runtime of this model can do."""

    code = "unsupported_feature"


class UnknownAccount(InvalidInput):
    """The chart of accounts has no account of this path, or does not keep it in this asset."""

    code = "unknown_account"


class ContextExceeded(InvalidInput):
    """Prompt and requested answer do not fit into the model's context."""

    code = "context_length_exceeded"


class UnknownModel(BasisError):
    """The catalog has no model of this name."""

    code = "model_not_found"

    def __init__(self, model: str) -> None:
        super().__init__(f"The model {model!r} does not exist; GET /v1/models lists those that do.")
        self.model = model


class NotFound(BasisError):
    """There is no record of this name."""

    code = "not_found"


class Unauthenticated(BasisError):
    """No credential was given, or it is wrong or revoked."""

    code = "invalid_api_key"


class Forbidden(BasisError):
    """The identity is known and may not do this."""

    code = "forbidden"


class InsufficientCredits(BasisError):
    """The job can cost more than there is; both figures in micro-credits."""

    code = "insufficient_credits"

    def __init__(self, message: str, *, required: int, available: int) -> None:
        super().__init__(message)
        self.required = required
        self.available = available

    @property
    def missing(self) -> int:
        """Micro-credits that would have to come."""
        return self.required - self.available


class BudgetExceeded(InsufficientCredits):
    """The job can cost more than the key may spend today."""

    code = "budget_exceeded"


class Conflict(BasisError):
    """A record of this identity exists with other content."""

    code = "conflict"


class IllegalTransition(Conflict):
    """A state machine was asked for a step that it does not have."""

    code = "illegal_transition"


class FloorBroken(Conflict):
    """An entry would take an account past the bound that its row of the chart sets."""

    code = "floor_broken"


class TooLarge(BasisError):
    """The body or frame is larger than the limit."""

    code = "request_too_large"


class TooSlow(BasisError):
    """The request did not come within the time that it may take."""

    code = "request_timeout"
    retryable = True


class RetryLater(BasisError):
    """The same request may succeed after `retry_after_s` seconds."""

    code = "retry_later"
    retryable = True

    def __init__(self, message: str, *, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class LimitExceeded(RetryLater):
    """Too many requests at once or in a period."""

    code = "rate_limit_exceeded"


class QueueFull(LimitExceeded):
    """As many jobs wait for a model as the operator allows."""

    code = "queue_full"


class Overloaded(RetryLater):
    """Everybody together has as much open as the operator allows."""

    code = "overloaded"


class RosterFull(Overloaded):
    """As many workers are registered as the operator allows."""

    code = "roster_full"


class RuntimePending(RetryLater):
    """No connected worker can serve the model at this moment."""

    code = "runtime_pending"


class JobFailed(BasisError):
    """The job was tried and could not be completed; nothing is charged.

    `reason` is a value of `basis.rules.job.FailureReason`, kept as text so that this file
    stands alone.
    """

    code = "job_failed"
    retryable = True

    def __init__(self, message: str, *, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class Unreachable(BasisError):
    """Another machine of the network gave no answer that could be used."""

    code = "unreachable"
    retryable = True


class StorageUnavailable(BasisError):
    """The durable store refused a write; nothing of it was recorded."""

    code = "storage_unavailable"
    retryable = True


class Misconfigured(BasisError):
    """A setting, file or folder of the operator's is wrong."""

    code = "misconfigured"


class SchemaDiffers(Misconfigured):
    """The store's schema is older or newer than this program's, and was left as it is."""

    code = "schema_differs"


class DamagedRecord(Misconfigured):
    """A record in the store is not spelt as basis writes it: something else changed it."""

    code = "damaged_record"
