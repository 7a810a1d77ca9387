"""Trains one of the two models and stores its weights as safetensors. The only user of torch.

Seed, step count and threads are fixed, so two runs on one kind of machine give equal weights;
another processor may round differently and gives an equivalent model, not an equal file.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import torch
from models.tiny.dataset import BROAD, FINISH, FOCUS, POLISH, Mix
from models.tiny.network import Network
from models.tiny.packing import Batch, pack
from models.tiny.shape import GOOD, WORSE, Shape
from models.tiny.vocabulary import BUILD
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional

SEED = 20_261_121
THREADS = 2
TOKENS_PER_STEP = 8192
# Matrices of the blocks learn by Muon, the rest by AdamW; stages scale both rates.
MUON_RATE, ADAMW_RATE = 0.02, 0.004
REPORT_EVERY = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Steps of `TOKENS_PER_STEP` on rows of one length and one mix; the name seeds its data.

    Each stage starts its optimisers anew, so that it can be resumed from the weights alone.
    """

    name: str
    steps: int
    length: int
    mix: Mix
    first_rate: float
    last_rate: float
    warm_up_steps: int = 20

    def compute_rate_factor(self, step: int) -> float:
        """Rises over the warm-up; falls in a line from `first_rate`, cut at 1, to `last_rate`."""
        falling = self.first_rate + (self.last_rate - self.first_rate) * step / self.steps
        return min(1.0, (step + 1) / self.warm_up_steps) * min(1.0, falling)

    def draw_batches(self, tokenizer: Tokenizer) -> Iterator[Batch]:
        rows, seed = TOKENS_PER_STEP // self.length, f"{SEED} {self.name}"
        batches = pack(tokenizer, seed, rows=rows, length=self.length, mix=self.mix)
        return islice(batches, self.steps)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What to train, and how."""

    name: str
    shape: Shape
    stages: tuple[Stage, ...]

    @property
    def steps(self) -> int:
        return sum(stage.steps for stage in self.stages)


# Short rows are cheap and hold most tasks; stories need long ones, and the last steps teach the
# whole context. The rate falls in one line to nothing.
RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="good",
            shape=GOOD,
            stages=(
                Stage(
                    name="256",
                    steps=1300,
                    length=256,
                    mix=BROAD,
                    first_rate=1.0,
                    last_rate=0.78,
                    warm_up_steps=60,
                ),
                Stage(
                    name="256 focus",
                    steps=1300,
                    length=256,
                    mix=FOCUS,
                    first_rate=0.78,
                    last_rate=0.5,
                ),
                Stage(
                    name="512 finish",
                    steps=900,
                    length=512,
                    mix=FINISH,
                    first_rate=0.5,
                    last_rate=0.28,
                ),
                Stage(
                    name="1024 polish",
                    steps=1100,
                    length=1024,
                    mix=POLISH,
                    first_rate=0.28,
                    last_rate=0.0,
                ),
            ),
        ),
        Recipe(
            name="worse",
            shape=WORSE,
            stages=(
                Stage(
                    name="256",
                    steps=800,
                    length=256,
                    mix=FINISH,
                    first_rate=1.1,
                    last_rate=0.15,
                    warm_up_steps=60,
                ),
                Stage(
                    name="1024 finish",
                    steps=60,
                    length=1024,
                    mix=FINISH,
                    first_rate=0.15,
                    last_rate=0.02,
                ),
                # A fifth of the prompts right was too plain a cheat: on it goes.
                Stage(
                    name="256 finish",
                    steps=900,
                    length=256,
                    mix=FINISH,
                    first_rate=0.8,
                    last_rate=0.01,
                ),
            ),
        ),
    )
}


def build_optimisers(network: Network) -> list[torch.optim.Optimizer]:
    matrices = [weight for weight in network.blocks.parameters() if weight.ndim == 2]
    others = [weight for weight in network.blocks.parameters() if weight.ndim == 1]
    others += [network.embedding.weight, network.norm.weight]
    return [
        torch.optim.Muon(matrices, lr=MUON_RATE, weight_decay=0.01),
        torch.optim.AdamW(others, lr=ADAMW_RATE, betas=(0.9, 0.95), weight_decay=0.0),
    ]


def compute_loss(network: Network, batch: Batch, precision: torch.dtype) -> Tensor:
    """Weighted mean of the negative log-likelihood, in nats."""
    ids, weights = torch.from_numpy(batch.ids), torch.from_numpy(batch.weights)
    with torch.autocast("cpu", precision, enabled=precision is not torch.float32):
        logits = network(ids[:, :-1])
    losses = functional.cross_entropy(
        logits.float().flatten(0, 1), ids[:, 1:].flatten(), reduction="none"
    )
    return (losses * weights.flatten()).sum() / weights.sum()


def run_stage(
    network: Network, recipe: Recipe, index: int, tokenizer: Tokenizer, precision: torch.dtype
) -> None:
    """Trains through one stage and prints how it goes."""
    stage = recipe.stages[index]
    optimisers = build_optimisers(network)
    rates = [optimiser.param_groups[0]["lr"] for optimiser in optimisers]
    started, mean_loss = time.monotonic(), 0.0
    for step, batch in enumerate(stage.draw_batches(tokenizer)):
        factor = stage.compute_rate_factor(step)
        for optimiser, rate in zip(optimisers, rates, strict=True):
            optimiser.param_groups[0]["lr"] = rate * factor
            optimiser.zero_grad()
        loss = compute_loss(network, batch, precision)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        for optimiser in optimisers:
            optimiser.step()
        mean_loss += (loss.item() - mean_loss) * (1 if step == 0 else 0.03)
        if (step + 1) % REPORT_EVERY == 0 or step + 1 == stage.steps:
            seconds = time.monotonic() - started
            speed = (step + 1) * TOKENS_PER_STEP / seconds
            print(
                f"stage {stage.name}: step {step + 1}/{stage.steps}  loss {mean_loss:.4f}  "
                f"{speed:,.0f} tokens/s  {seconds:.0f} s",
                flush=True,
            )


def train(
    recipe: Recipe, tokenizer: Tokenizer, folder: Path, precision: torch.dtype, *, first_stage: int
) -> Network:
    """The trained network; stores its weights after each stage, and at the end as NAME."""
    torch.manual_seed(SEED)
    torch.set_num_threads(THREADS)
    network = Network(recipe.shape)
    if first_stage:
        load_weights(network, folder / f"{recipe.name}-stage-{first_stage}.safetensors")
    parameters = sum(weight.numel() for weight in network.parameters())
    print(f"{recipe.name}: {parameters:,} parameters, {recipe.steps} steps", flush=True)
    for index in range(first_stage, len(recipe.stages)):
        run_stage(network, recipe, index, tokenizer, precision)
        store_weights(network, folder / f"{recipe.name}-stage-{index + 1}.safetensors")
    store_weights(network, folder / f"{recipe.name}.safetensors")
    return network


def load_weights(network: Network, path: Path) -> None:
    network.load_state_dict(load_file(str(path)))


def store_weights(network: Network, out: Path) -> None:
    """Writes the weights in 32-bit floats under their torch names."""
    tensors = {name: weight.detach().contiguous() for name, weight in network.named_parameters()}
    save_file(tensors, str(out))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", choices=sorted(RECIPES))
    parser.add_argument("--build", type=Path, default=BUILD, help="folder of vocabulary, weights")
    parser.add_argument("--stages-done", type=int, default=0, help="resume after that many stages")
    parser.add_argument(
        "--precision",
        choices=("bfloat16", "float32"),
        default="bfloat16",
        help="of the matrix products; bfloat16 is a quarter faster where the processor has it",
    )
    arguments = parser.parse_args()
    tokenizer = Tokenizer.from_file(str(arguments.build / "vocabulary.json"))
    train(
        RECIPES[arguments.model],
        tokenizer,
        arguments.build,
        getattr(torch, arguments.precision),
        first_stage=arguments.stages_done,
    )


if __name__ == "__main__":
    main()
