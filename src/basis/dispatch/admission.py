"""What is let in: which offered models may get jobs."""

from __future__ import annotations

from basis.rules.catalog import Catalog
from basis.storage.worker_store import WorkerRecord
from basis.wire.frames import ModelOffer
from basis.wire.registration import RuntimeName


def check_model_offer(offer: ModelOffer, *, record: WorkerRecord, catalog: Catalog) -> str:
    """Why the offered model will get no jobs; "" if it will."""
    if not catalog.has(offer.model):
        return "not in this network's catalog: see GET /api/catalog"
    if offer.model not in record.models:
        return "not registered for this worker: register again with it, using your token"
    model = catalog.get(offer.model)
    if not model.is_ready:
        return model.reason
    if model.runtimes and record.runtime not in model.runtimes:
        return f"may be served by {', '.join(model.runtimes)} only, not by {record.runtime}"
    if not model.runtimes and record.runtime == RuntimeName.ECHO.value:
        return "the simulator may serve basis-echo only"
    if model.digests and offer.digest not in model.digests:
        accepted = ", ".join(digest[:23] + "..." for digest in model.digests)
        return f"its artefact is {offer.digest[:23] or 'unknown'}..., accepted is {accepted}"
    if 0 < offer.context_tokens < model.context_tokens:
        return (
            f"its context is {offer.context_tokens} tokens, the catalog promises "
            f"{model.context_tokens}"
        )
    return ""
