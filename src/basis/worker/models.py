"""Which models the worker serves: the owner's choice held against the catalog. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from basis.wire.frames import ModelOffer
from basis.wire.registration import CatalogEntry, CatalogResponse, RuntimeName
from basis.worker.exits import ExitCode, WorkerStop
from basis.worker.settings import ModelChoice

DEFAULT_CONTEXT_TOKENS = 8_192
"""Context of a slot where neither catalog nor owner sets one: memory grows with it."""

_DEFAULT_NAMES = {
    RuntimeName.LLAMACPP: ("basis-tiny", "basis-tiny-embed"),
    RuntimeName.ECHO: ("basis-echo",),
}
"""What the runtimes can serve without being told: what ships with Basis."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedModel:
    """A model of the catalog with the runtime's own name of it.

    `context_tokens` is the most that a slot need hold; `kinds` are those of the catalog.
    """

    model: str
    local: str
    kinds: tuple[str, ...]
    context_tokens: int = DEFAULT_CONTEXT_TOKENS
    digests: tuple[str, ...] = ()


def default_choices(runtime: RuntimeName) -> tuple[ModelChoice, ...]:
    """What `runtime` serves when the owner names nothing; empty if it cannot know."""
    return tuple(ModelChoice(model=name) for name in _DEFAULT_NAMES.get(runtime, ()))


def select_models(
    choices: Sequence[ModelChoice],
    *,
    catalog: CatalogResponse,
    runtime: RuntimeName,
    context_cap: int = 0,
) -> tuple[ServedModel, ...]:
    """The chosen models with the catalog's facts, in the order of `choices`.

    Raises:
        WorkerStop: no choice at all, a name that the catalog lacks, or a runtime that may not
            serve it.
    """
    if not choices:
        raise WorkerStop(
            ExitCode.NO_MODEL,
            f"say what {runtime.value} shall serve: --models NAME=LOCAL, where NAME is one of "
            f"{_names(catalog)}",
        )
    entries = {entry.model: entry for entry in catalog.models}
    served: list[ServedModel] = []
    for choice in choices:
        entry = entries.get(choice.model)
        if entry is None:
            raise WorkerStop(
                ExitCode.NO_MODEL,
                f"the catalog has no model {choice.model!r}; it has {_names(catalog)}",
            )
        _validate_runtime(entry, runtime)
        served.append(_serve(choice, entry, context_cap))
    return tuple(served)


def validate_digests(offers: Sequence[ModelOffer], served: Sequence[ServedModel]) -> None:
    """Refuses an artefact that the catalog does not accept; one of unknown digest passes.

    Raises:
        WorkerStop: it names the model and both digests.
    """
    accepted = {model.model: model for model in served}
    for offer in offers:
        model = accepted[offer.model]
        if offer.digest and model.digests and offer.digest not in model.digests:
            raise WorkerStop(
                ExitCode.WRONG_DIGEST,
                f"{offer.model} is {model.local or 'the shipped file'} with {offer.digest}, but "
                f"the catalog accepts only {', '.join(model.digests)}; get that artefact, or "
                f"leave {offer.model} out of --models",
            )


def _serve(choice: ModelChoice, entry: CatalogEntry, context_cap: int) -> ServedModel:
    context = entry.context_tokens or DEFAULT_CONTEXT_TOKENS
    return ServedModel(
        model=choice.model,
        local=choice.local,
        kinds=tuple(entry.kinds),
        context_tokens=min(context, context_cap) if context_cap else context,
        digests=tuple(entry.digests),
    )


def _validate_runtime(entry: CatalogEntry, runtime: RuntimeName) -> None:
    allowed = entry.runtimes or [name.value for name in RuntimeName if name != RuntimeName.ECHO]
    if runtime.value in allowed:
        return
    if runtime is RuntimeName.ECHO:
        message = (
            f"echo is a simulator and may not stand in for {entry.model}; it serves basis-echo"
        )
    else:
        message = (
            f"{entry.model} may be served only by {', '.join(allowed)}, not by {runtime.value}"
        )
    raise WorkerStop(ExitCode.NO_MODEL, message)


def _names(catalog: CatalogResponse) -> str:
    return ", ".join(sorted(entry.model for entry in catalog.models)) or "none"
