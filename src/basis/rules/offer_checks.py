"""Whether an owner's offer is good: its form, its price rails, its time, its signer, its nonce.

Rails bound what may be asked, so that a slip of the pen cannot cost a customer or starve a worker:
at least the pricing epoch's worker floor, and between two fractions of the model's list price.
Every figure in the table is ours to choose. Also here: when one ask is no more than another.
Source: mission N18; decision 0013.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from basis.rules.errors import InvalidInput
from basis.rules.names import parse_worker_id
from basis.rules.offer import Offer, Signed
from basis.rules.offer_errors import PriceOutsideRails, StaleNonce, WrongSigner
from basis.rules.units import WHOLE_BPS, Bps, mul_div_ceil, mul_div_floor
from basis.rules.wallet import Wallet, parse_wallet

MAX_CAPACITY = 256
MAX_MODELS = 64
MAX_LIFE_S = 30 * 86_400
"""An owner looks at its prices once a month at least."""
MAX_ASK = 10**12
"""Micro-credits per million tokens, as for list prices: a credit a token."""
MAX_NUMBER = 2**53 - 1
"""Of nonces and times: every wallet's JSON keeps it whole."""
_LONGEST_SHOWN = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceRails:
    """One dated set of bounds, as fractions of a list price."""

    version: str
    effective_from: str
    lowest_bps: Bps
    highest_bps: Bps


RAILS_2026_11_23 = PriceRails(
    version="2026-11-23",
    effective_from="2026-11-23",
    lowest_bps=Bps(2_500),
    highest_bps=Bps(20_000),
)
"""A quarter of the list price keeps a misplaced digit from giving work away; twice the list price
is the most that a customer who prefers speed or quality can meet. Ours to choose."""

RAILS: tuple[PriceRails, ...] = (RAILS_2026_11_23,)
"""Every set that ever judged an offer, oldest first; the last one judges new offers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AskBounds:
    """The least and the most that may be asked for one model's tokens of one kind."""

    floor: int
    """What the worker floor of the epoch comes to before the fee; 0 where there is none."""
    lowest: int
    highest: int

    def rail_of(self, price: int) -> str:
        """The rail that `price` breaks: `worker_floor`, `lowest` or `highest`; "" if none."""
        if price < self.floor:
            return "worker_floor"
        if price < self.lowest:
            return "lowest"
        return "highest" if price > self.highest else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelBounds:
    """Both kinds of token of one model."""

    prompt: AskBounds
    output: AskBounds

    def has(self, *, prompt_price: int, output_price: int) -> bool:
        """Whether both asks are within the rails."""
        return not (self.prompt.rail_of(prompt_price) or self.output.rail_of(output_price))


def compute_ask_bounds(
    rails: PriceRails, *, list_price: int, worker_floor_price: int, protocol_fee_bps: Bps
) -> AskBounds:
    """The rails of one price: the lower ones rounded up, the upper one down.

    `worker_floor_price` is what must be left after the fee. A model that is given away (a list
    price of 0) can be asked nothing for, and no floor holds against that.

    Raises:
        ValueError: a negative price, or a fee of more than the whole.
    """
    floor = 0
    if worker_floor_price and list_price:
        floor = mul_div_ceil(worker_floor_price, WHOLE_BPS, WHOLE_BPS - protocol_fee_bps)
    return AskBounds(
        floor=floor,
        lowest=mul_div_ceil(list_price, rails.lowest_bps, WHOLE_BPS),
        highest=mul_div_floor(list_price, rails.highest_bps, WHOLE_BPS),
    )


def validate_form(signed: Signed) -> None:
    """Refuses what nobody should sign, whatever the network's prices and the time.

    Raises:
        InvalidInput: it names the field.
    """
    parse_worker_id(signed.worker_id, param="workerId")
    if parse_wallet(signed.wallet, param="wallet") != signed.wallet:
        raise InvalidInput(f"wallet is {signed.wallet}: write it in EIP-55 form", param="wallet")
    _require_within("nonce", signed.nonce, 1, MAX_NUMBER)
    if not isinstance(signed, Offer):
        return
    _require_within("capacity", signed.capacity, 1, MAX_CAPACITY)
    _require_within("notBefore", signed.not_before, 0, MAX_NUMBER)
    _require_within("expiresAt", signed.expires_at, 0, MAX_NUMBER)
    if signed.expires_at <= signed.not_before:
        raise InvalidInput(
            f"expiresAt is {signed.expires_at}: not after notBefore, {signed.not_before}",
            param="expiresAt",
        )
    if not 1 <= len(signed.models) <= MAX_MODELS:
        raise InvalidInput(
            f"models lists {len(signed.models)}: expected 1 to {MAX_MODELS}", param="models"
        )
    seen: set[str] = set()
    for index, ask in enumerate(signed.models):
        if ask.model in seen:
            raise InvalidInput(
                f"the model {ask.model[:_LONGEST_SHOWN]!r} stands twice in models",
                param=f"models[{index}].model",
            )
        seen.add(ask.model)
        _require_within(f"models[{index}].promptPrice", ask.prompt_price, 0, MAX_ASK)
        _require_within(f"models[{index}].outputPrice", ask.output_price, 0, MAX_ASK)


def validate_prices(offer: Offer, *, bounds: Mapping[str, ModelBounds]) -> None:
    """Refuses models that the network does not have, and asks outside their rails.

    Raises:
        InvalidInput: no such model.
        PriceOutsideRails: it names the model, the price and the rail.
    """
    for index, ask in enumerate(offer.models):
        found = bounds.get(ask.model)
        if found is None:
            raise InvalidInput(
                f"the model {ask.model[:_LONGEST_SHOWN]!r} is not in this network's catalog: "
                f"see GET /api/catalog",
                param=f"models[{index}].model",
            )
        for name, price, allowed in (
            ("promptPrice", ask.prompt_price, found.prompt),
            ("outputPrice", ask.output_price, found.output),
        ):
            rail = allowed.rail_of(price)
            if rail:
                least = max(allowed.floor, allowed.lowest)
                raise PriceOutsideRails(
                    f"models[{index}].{name} is {price}: outside the rail {rail!r} of {ask.model}; "
                    f"{least} to {allowed.highest} micro-credits per million tokens may be asked",
                    param=f"models[{index}].{name}",
                    rail=rail,
                )


def validate_time(offer: Offer, *, now_s: int) -> None:
    """Refuses an offer that is over, or that binds its owner for too long.

    Raises:
        InvalidInput: `expiresAt` is not in the future, or too far in it.
    """
    if offer.expires_at <= now_s:
        raise InvalidInput(
            f"expiresAt is {offer.expires_at}: that is over, it is {now_s} now", param="expiresAt"
        )
    if offer.expires_at - now_s > MAX_LIFE_S:
        raise InvalidInput(
            f"expiresAt is {offer.expires_at}: more than {MAX_LIFE_S} s after now, {now_s}",
            param="expiresAt",
        )


def validate_owner(signed: Signed, *, signer: Wallet, owner: Wallet) -> None:
    """Refuses what somebody else signed. `owner` is the wallet that the worker is registered with.

    Raises:
        WrongSigner: not by the wallet that is paid.
    """
    if signed.wallet != owner:
        raise WrongSigner(
            f"wallet is {signed.wallet}, but the worker {signed.worker_id} pays {owner}"
        )
    if signer != owner:
        raise WrongSigner(
            f"the signature is by {signer}, not by {owner}, or the content was changed after it"
        )


def validate_nonce(signed: Signed, *, last_nonce: int) -> None:
    """Refuses what was said before: `last_nonce` is the owner's highest for this worker, or 0.

    Raises:
        StaleNonce: not after the owner's last word.
    """
    if signed.nonce <= last_nonce:
        raise StaleNonce(
            f"nonce is {signed.nonce}: not above {last_nonce}, the last one of this worker's owner"
        )


def asks_no_more(
    ask: tuple[int, int], locked: tuple[int, int], *, prompt_tokens: int, max_tokens: int
) -> bool:
    """Whether a job costs no more by `ask` than by `locked`, however long its answer gets.

    Both are (prompt price, output price). What a job costs grows by the same step with each token
    of its answer, so that what holds for none of them and for all of them holds in between.
    """
    least = prompt_tokens * ask[0] <= prompt_tokens * locked[0]
    return least and compute_most(
        ask, prompt_tokens=prompt_tokens, max_tokens=max_tokens
    ) <= compute_most(locked, prompt_tokens=prompt_tokens, max_tokens=max_tokens)


def compute_most(prices: tuple[int, int], *, prompt_tokens: int, max_tokens: int) -> int:
    """What a job can cost at (prompt price, output price), in millionths of a micro-credit."""
    return prompt_tokens * prices[0] + max_tokens * prices[1]


def _require_within(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise InvalidInput(f"{name} is {value}: expected {low} to {high}", param=name)
