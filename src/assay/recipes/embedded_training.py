"""Training of the network over embedded words with Keras and TensorFlow; what comes out are arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray

keras: Any = import_module("keras")  # raises ModuleNotFoundError: it is an optional extra

Floats = NDArray[np.float32]
LEARNING_RATE, BATCH_SIZE = 0.01, 32


@dataclass(frozen=True, kw_only=True)
class Order:
    """The widths of the embedding and of each layer, how often all rows are seen, and the seed that decides everything."""

    widths: tuple[int, ...]
    passes: int
    seed: int


@dataclass(frozen=True, kw_only=True)
class Weights:
    """What was learnt: `words` [words, width], `beside` [values, width] each, `layers` [inputs, outputs] and [outputs]."""

    words: Floats
    beside: list[Floats]
    layers: list[tuple[Floats, Floats]]


def learnt(texts: Sequence[Sequence[int]], beside: Sequence[Floats], truth: NDArray[np.bool_], order: Order) -> Weights:
    """The weights, from the numbers of each text's words, flags [n, values] and truth [n, labels]: the same for the same.

    Targets are multi-hot and the loss is the binary cross-entropy of the logits. No global seed is used, for other fits may
    be under way in other threads.
    """
    words, shares = padded(texts)
    given, known = [words, shares, *beside], truth.astype(np.float32)
    net = network(1 + int(words.max(initial=0)), [one.shape[1] for one in beside], truth.shape[1], order)
    draw = np.random.default_rng(order.seed)
    for _ in range(order.passes):
        turn = draw.permutation(len(known))
        net.fit([one[turn] for one in given], known[turn], batch_size=BATCH_SIZE, shuffle=False, verbose=0)
    return arrays(net, len(beside))


def padded(texts: Sequence[Sequence[int]]) -> tuple[NDArray[np.int32], Floats]:
    """Words [n, longest] and each word's share in the mean of its text [n, longest]: nothing for what fills up."""
    longest = max([1, *map(len, texts)])
    words, shares = np.zeros((len(texts), longest), np.int32), np.zeros((len(texts), longest), np.float32)
    for row, text in enumerate(texts):
        words[row, : len(text)] = text
        shares[row, : len(text)] = 1 / max(1, len(text))
    return words, shares


def network(words: int, values: Sequence[int], labels: int, order: Order) -> Any:
    """A Keras model, ready to learn: words and shares [n, longest] and flags [n, values] each, to logits [n, labels]."""
    layers, seeds = keras.layers, count(order.seed)
    width, *hidden = order.widths

    def dense(size: int, given: Any, activation: str | None = None) -> Any:
        start = keras.initializers.GlorotUniform(seed=next(seeds))
        return layers.Dense(size, activation=activation, kernel_initializer=start)(given)

    def embedding() -> Any:
        return keras.initializers.RandomUniform(seed=next(seeds))

    inputs = [keras.Input((None,), dtype="int32"), keras.Input((None,)), *(keras.Input((size,)) for size in values)]
    each = layers.Embedding(words, width, embeddings_initializer=embedding())(inputs[0])
    parts = [layers.Dot(axes=1)([inputs[1], each])]
    for flags in inputs[2:]:  # the embedding of a value, which is none where there is no value
        parts.append(layers.Dense(width, use_bias=False, kernel_initializer=embedding())(flags))
    found = layers.Concatenate()(parts) if len(parts) > 1 else parts[0]
    for size in hidden:
        found = dense(size, found, "relu")
    net = keras.Model(inputs, dense(labels, found))
    net.compile(optimizer=keras.optimizers.Adam(LEARNING_RATE), loss=keras.losses.BinaryCrossentropy(from_logits=True))
    return net


def arrays(net: Any, beside: int) -> Weights:
    """The weights of a model that `network` made."""
    dense = [layer for layer in net.layers if isinstance(layer, keras.layers.Dense)]
    (words,) = [layer for layer in net.layers if isinstance(layer, keras.layers.Embedding)]
    return Weights(
        words=_told(words)[0],
        beside=[_told(layer)[0] for layer in dense[:beside]],
        layers=[(_told(layer)[0], _told(layer)[1]) for layer in dense[beside:]],
    )


def _told(layer: Any) -> list[Floats]:
    return [np.array(one, np.float32) for one in layer.get_weights()]
