"""The options that limit a key: how they are read, and how a key's limits are shown."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from basis.rules.dates import parse_day, parse_moment
from basis.rules.errors import InvalidInput
from basis.rules.units import CREDIT, format_amount, parse_amount
from basis.storage.clock import after_iso

if TYPE_CHECKING:
    from basis.rules.catalog import Catalog
    from basis.storage.key_store import KeyLimits, KeyRecord

NONE = "none"
PREFERENCES = ("price", "speed", "quality")
_MOST_PER_DAY = 10**15
_MOST_PER_MINUTE = 2**31 - 1
_DAY_S = 86_400
_MOST_MODELS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenLimits:
    """What was typed; None is an option that was left out, "none" one that lifts a limit."""

    credits_per_day: str | None
    requests_per_minute: str | None
    tokens_per_minute: str | None
    models: list[str]
    expires: str | None
    prefers: str | None

    @property
    def is_empty(self) -> bool:
        """Whether nothing was typed."""
        return not self.models and all(
            one is None
            for one in (
                self.credits_per_day,
                self.requests_per_minute,
                self.tokens_per_minute,
                self.expires,
                self.prefers,
            )
        )


def apply_limits(limits: KeyLimits, given: GivenLimits, *, catalog: Catalog, now: str) -> KeyLimits:
    """`limits` with what was given in their place.

    Raises:
        InvalidInput: it names the option.
    """
    changed = limits
    if given.credits_per_day is not None:
        changed = replace(changed, credits_per_day=_read_credits(given.credits_per_day))
    if given.requests_per_minute is not None:
        count = _read_count(given.requests_per_minute, "--requests-per-minute")
        changed = replace(changed, requests_per_minute=count)
    if given.tokens_per_minute is not None:
        count = _read_count(given.tokens_per_minute, "--tokens-per-minute")
        changed = replace(changed, tokens_per_minute=count)
    if given.models:
        changed = replace(changed, models=_read_models(given.models, catalog))
    if given.expires is not None:
        changed = replace(changed, expires_at=_read_expiry(given.expires, now=now))
    if given.prefers is not None:
        changed = replace(changed, prefers=_read_preference(given.prefers))
    return changed


def limits_json(limits: KeyLimits) -> dict[str, object]:
    """The limits as JSON; null and an empty list are without limit."""
    per_day = limits.credits_per_day
    return {
        "microcredits_per_day": None if per_day is None else str(per_day),
        "requests_per_minute": limits.requests_per_minute,
        "tokens_per_minute": limits.tokens_per_minute,
        "models": list(limits.models),
        "expires_at": limits.expires_at,
        "prefers": limits.prefers or None,
    }


def key_json(key: KeyRecord) -> dict[str, object]:
    """A key as JSON; never the key itself."""
    return {
        "id": key.id,
        "name": key.name,
        "user_id": key.user_id,
        "user_wallet": key.user_wallet,
        "parent_id": key.parent_id,
        "created_at": key.created_at,
        "revoked_at": key.revoked_at,
        "limits": limits_json(key.limits),
    }


def limits_in_words(limits: KeyLimits) -> str:
    """The limits on one line; "" if there are none."""
    words: list[str] = []
    if limits.credits_per_day is not None:
        words.append(f"{format_amount(limits.credits_per_day, CREDIT)}/day")
    if limits.requests_per_minute is not None:
        words.append(f"{limits.requests_per_minute} requests/min")
    if limits.tokens_per_minute is not None:
        words.append(f"{limits.tokens_per_minute} tokens/min")
    if limits.models:
        words.append(f"for {' '.join(limits.models)}")
    if limits.expires_at is not None:
        words.append(f"until {limits.expires_at}")
    if limits.prefers:
        words.append(f"prefers {limits.prefers}")
    return ", ".join(words)


def _read_credits(text: str) -> int | None:
    if text == NONE:
        return None
    microcredits = parse_amount(text, CREDIT, param="--credits-per-day")
    if microcredits > _MOST_PER_DAY:
        raise InvalidInput(
            f"--credits-per-day is {text[:40]}: expected at most "
            f"{format_amount(_MOST_PER_DAY, CREDIT)}",
            param="--credits-per-day",
        )
    return microcredits


def _read_count(text: str, option: str) -> int | None:
    if text == NONE:
        return None
    is_number = re.fullmatch(r"[1-9][0-9]{0,9}", text, re.ASCII) is not None
    if not is_number or int(text) > _MOST_PER_MINUTE:
        raise InvalidInput(
            f"{option} is {text[:40]!r}: expected 1 to {_MOST_PER_MINUTE}, or none", param=option
        )
    return int(text)


def _read_models(names: list[str], catalog: Catalog) -> tuple[str, ...]:
    if names == [NONE]:
        return ()
    known = {model.name for model in catalog.models}
    for name in names:
        if name not in known:
            raise InvalidInput(
                f"--model is {name[:80]!r}: the catalog has {', '.join(sorted(known))}",
                param="--model",
            )
    if len(names) > _MOST_MODELS:
        raise InvalidInput(f"--model is given more than {_MOST_MODELS} times", param="--model")
    return tuple(sorted(set(names)))


def _read_expiry(text: str, *, now: str) -> str | None:
    """A day is good to its end; a time is the moment from which the key is refused."""
    if text == NONE:
        return None
    if "T" in text:
        expires_at = parse_moment(text, param="--expires")
    else:
        day = parse_day(text, param="--expires")
        expires_at = after_iso(f"{day}T00:00:00.000Z", seconds=_DAY_S)
    if expires_at <= now:
        raise InvalidInput(f"--expires is {text}, which is past", param="--expires")
    return expires_at


def _read_preference(text: str) -> str:
    if text == NONE:
        return ""
    if text not in PREFERENCES:
        raise InvalidInput(
            f"--prefers is {text[:40]!r}: expected {', '.join(PREFERENCES)} or none",
            param="--prefers",
        )
    return text
