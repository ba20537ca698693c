"""Training of the convolutional network with PyTorch; what comes out are arrays."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.recipes.audio.distortion import Distortion
from assay.recipes.audio.operations import Floats
from assay.recipes.audio.spectrum import BANDS
from assay.recipes.audio.spotter import within

torch: Any = import_module("torch")  # raises ModuleNotFoundError: it is an optional extra

SHAPES, SOUNDS = 12, 24  # filters of the first two layers
AT_ONCE, BATCH = 128, 16
STEP, DECAY, DROPPED = 2e-3, 1e-2, 0.2
SOFT = 2.0  # how nearly the surest moment alone decides while learning; at the end it does
FULL_STRENGTH_AT = 0.4
NAMES = ("shapes", "sounds", "phones", "words", "out")


@dataclass(frozen=True, kw_only=True)
class Order:
    """How wide the network is, how often it sees each window, and the seed that decides everything."""

    width: int
    passes: int
    seed: int


def learnt(power: Floats, truth: NDArray[np.bool_], distortion: Distortion, order: Order) -> dict[str, Floats]:
    """The weights by name, of relative power [n, pitches, frames] and truth [n, labels]; the same for the same order."""
    with _alone(order.seed):
        net = _network(truth.shape[1], order.width)
        optimizer = torch.optim.AdamW(net.parameters(), lr=STEP, weight_decay=DECAY)
        steps = order.passes * sum(len(_batches(one)) for one in _together(np.arange(len(truth))))
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, STEP, total_steps=steps, pct_start=0.2)
        net.train()
        for done in range(order.passes):
            strength = min(1.0, (done + 1) / (FULL_STRENGTH_AT * order.passes))
            for heard, known in _shown(power, truth, distortion, strength):
                loss = _loss(net(heard), known, distortion)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
        net.eval()
        return _arrays(net)


@contextmanager
def _alone(seed: int) -> Iterator[None]:
    """One thread and random numbers of one's own, so that a seed gives the same wherever it is used."""
    threads = torch.get_num_threads()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(threads)


def _network(labels: int, width: int) -> Any:
    nn = torch.nn

    def filters(given: int, made: int, size: tuple[int, int], pad: tuple[int, int]) -> list[Any]:
        return [nn.Conv2d(given, made, size, padding=pad, bias=False), nn.BatchNorm2d(made), nn.ReLU()]

    out = nn.Conv2d(width, labels, (1, 5), padding=(0, 2))
    nn.init.constant_(out.bias, -2.5)  # most moments are no word's middle
    return nn.Sequential(
        *filters(1, SHAPES, (5, 5), (2, 2)), nn.MaxPool2d((2, 2)),
        *filters(SHAPES, SOUNDS, (3, 3), (1, 1)), nn.MaxPool2d((2, 1)), nn.Dropout(DROPPED),
        *filters(SOUNDS, width, (BANDS // 4, 7), (0, 3)), nn.Dropout(DROPPED),
        *filters(width, width, (1, 7), (0, 3)), nn.Dropout(DROPPED),
        out,
    )  # fmt: skip


def _shown(
    power: Floats, truth: NDArray[np.bool_], distortion: Distortion, strength: float
) -> Iterator[tuple[Any, Any]]:
    """All windows in another order, distorted: batches of spectra [b, 1, bands, frames] and labels [b, labels]."""
    for together in _together(distortion.draw.permutation(len(truth))):
        heard = torch.from_numpy(distortion.heard(power[together], strength))[:, None]
        known = torch.from_numpy(truth[together].astype(np.float32))
        for batch in _batches(together):
            yield heard[batch], known[batch]


def _together(order: NDArray[Any]) -> list[NDArray[Any]]:
    return [order[start : start + AT_ONCE] for start in range(0, len(order), AT_ONCE)]


def _batches(together: NDArray[Any]) -> list[slice]:
    """Places of batches; a last one of a single window is left out, since nothing can be normalised by it."""
    return [slice(at, at + BATCH) for at in range(0, len(together), BATCH) if len(together) - at > 1]


def _loss(told: Any, known: Any, distortion: Distortion) -> Any:
    """How wrong the second is, of what is told moment by moment."""
    inside = torch.from_numpy(within(distortion.spectrum, told.shape[3]))
    moments = told[:, :, 0][:, :, inside]
    sure = (torch.logsumexp(SOFT * moments, 2) - math.log(4)) / SOFT
    return torch.nn.functional.binary_cross_entropy_with_logits(sure, known, reduction="sum") / len(known)


def _arrays(net: Any) -> dict[str, Floats]:
    """Filters and biases by name, with what normalises them folded in."""
    found: dict[str, Floats] = {}
    names = iter(NAMES)
    for place, layer in enumerate(net):
        if not isinstance(layer, torch.nn.Conv2d):
            continue
        weights = layer.weight.detach().double()
        bias = torch.zeros(len(weights)).double() if layer.bias is None else layer.bias.detach().double()
        after = net[place + 1] if place + 1 < len(net) else None
        if isinstance(after, torch.nn.BatchNorm2d):
            scale = after.weight.detach().double() / torch.sqrt(after.running_var.double() + after.eps)
            weights = weights * scale[:, None, None, None]
            bias = (bias - after.running_mean.double()) * scale + after.bias.detach().double()
        name = next(names)
        found[name], found[f"{name}_bias"] = (np.array(one.numpy(), np.float32) for one in (weights, bias))
    return found
