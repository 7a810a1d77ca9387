"""Everything before the first connection: catalog, models, runtime, registration."""

from __future__ import annotations

from basis.rules.wallet import Wallet
from basis.wire.registration import RegisterRequest, RuntimeName
from basis.worker.backoff import Backoff
from basis.worker.exits import ExitCode, WorkerStop
from basis.worker.identity import TokenFile
from basis.worker.models import ServedModel, default_choices, select_models, validate_digests
from basis.worker.orchestrator import Orchestrator, Refusal
from basis.worker.runtimes.base import Runtime, RuntimeFacts
from basis.worker.settings import WorkerSettings


async def load_served(
    settings: WorkerSettings, *, name: RuntimeName, orchestrator: Orchestrator, backoff: Backoff
) -> tuple[ServedModel, ...]:
    """The owner's models with the catalog's facts, however long the orchestrator is away.

    Raises:
        WorkerStop: a model that the catalog does not have, or not for this runtime.
    """
    try:
        catalog = await backoff.keep_trying(orchestrator.load_catalog)
    except Refusal as refusal:
        raise WorkerStop(
            ExitCode.PROTOCOL,
            f"{orchestrator.url} has no catalog of models ({refusal}); check --orchestrator",
        ) from refusal
    return select_models(
        settings.models or default_choices(name),
        catalog=catalog,
        runtime=name,
        context_cap=settings.context_tokens,
    )


async def load_facts(runtime: Runtime, served: tuple[ServedModel, ...]) -> RuntimeFacts:
    """What the runtime offers now, its digests held against the catalog's.

    Raises:
        WorkerStop: the runtime or a model is gone, or an artefact is not accepted.
    """
    facts = await runtime.facts()
    validate_digests(facts.offers, served)
    return facts


async def register(
    settings: WorkerSettings,
    *,
    wallet: Wallet,
    name: RuntimeName,
    served: tuple[ServedModel, ...],
    orchestrator: Orchestrator,
    backoff: Backoff,
) -> str:
    """The worker's token: a new worker's is kept in its file, an old one's is read from there.

    Raises:
        WorkerStop: the registration is refused, or an old worker's token is not here.
    """
    file = TokenFile(
        settings.state_folder, orchestrator=settings.orchestrator, worker_id=settings.worker_id
    )
    token = file.load()
    request = RegisterRequest(
        worker_id=settings.worker_id,
        worker_wallet=wallet,
        runtime=name,
        models=[model.model for model in served],
    )
    response = await backoff.keep_trying(lambda: orchestrator.register(request, token=token))
    if response.worker_token is not None:
        file.store(response.worker_token)
        return response.worker_token
    if token is None:
        raise WorkerStop(
            ExitCode.TOKEN_REFUSED,
            f"{settings.worker_id!r} is registered already, and its token is not in {file.path}; "
            "restore that file, or take another --worker-id",
        )
    return token
