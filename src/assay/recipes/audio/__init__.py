"""What recipes for recordings are made of: two networks that spot words, with or without a deep-learning framework."""

from assay.recipes.audio.convolved import Convolutional, convolutional
from assay.recipes.audio.layered import Layers, layers

__all__ = ["Convolutional", "Layers", "convolutional", "layers"]
