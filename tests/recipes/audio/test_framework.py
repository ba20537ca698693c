"""Training leaves the framework as it was, and the folded filters answer as the trained layers did."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="PyTorch is not installed")

from assay.recipes.audio import framework
from assay.recipes.audio.convolved import Convolutional
from assay.recipes.audio.distortion import Distortion
from assay.recipes.audio.operations import Arrays
from assay.recipes.audio.spectrum import BANDS
from tests.recipes.audio.spoken import SPECTRUM, windows

HEARD, TRUTH = windows(33, 9)  # one more than two batches


def test_random_numbers_and_threads_of_others_are_left_alone() -> None:
    framework.torch.manual_seed(5)
    expected = framework.torch.rand(3)
    framework.torch.manual_seed(5)
    threads = framework.torch.get_num_threads()
    distortion = Distortion(spectrum=SPECTRUM, draw=np.random.default_rng(1))
    order = framework.Order(width=4, passes=1, seed=1)
    weights = framework.learnt(SPECTRUM.power(HEARD), TRUTH, distortion, order)
    assert framework.torch.equal(framework.torch.rand(3), expected)
    assert framework.torch.get_num_threads() == threads
    assert weights["phones"].shape == (4, framework.SOUNDS, BANDS // 4, 7)


def test_what_is_folded_answers_as_what_was_trained() -> None:
    torch = framework.torch
    net = framework._network(3, 8)
    draw = np.random.default_rng(2)
    for layer in net:
        if isinstance(layer, torch.nn.BatchNorm2d):
            count = layer.num_features
            layer.running_mean.copy_(torch.from_numpy(draw.normal(0, 1, count)))
            layer.running_var.copy_(torch.from_numpy(draw.uniform(0.5, 2, count)))
            layer.weight.data.copy_(torch.from_numpy(draw.normal(1, 0.3, count)))
            layer.bias.data.copy_(torch.from_numpy(draw.normal(0, 0.3, count)))
    net.eval()
    made = Convolutional(width=8)
    made.weights_, made.labels_ = framework._arrays(net), 3
    heard = SPECTRUM.transform(HEARD[:4])[:, None]
    trained = net(torch.from_numpy(heard)).detach().numpy()
    told = made.moments(Arrays(), heard)
    assert told.shape == (4, 16, 1, SPECTRUM.frames // 2)
    assert told[:, :3] == pytest.approx(trained, abs=1e-4)
