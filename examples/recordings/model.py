"""Which of the ten digits is said in each second of a recording?"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import assay

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


class Recording(assay.Input):
    """A recording of speech, of any kind and rate; it is heard second by second."""

    # a word has half a second, and its middle may be where a second begins
    audio: str = assay.Audio(rate=8_000, margin_s=0.25, description="The recording")


phrases = assay.Model("phrases", input=Recording, target="utterances", labels=WORDS, metric="average_precision")
files = assay.Items("files", models=(phrases,))


@phrases.recipe
def layers() -> Any:
    """Fully connected layers over half a second at a time, trained by scikit-learn."""
    from assay.recipes.audio import layers

    return layers(Recording.assay_fields["audio"], seed=42)


if find_spec("torch"):  # pip install 'assay[torch]'; what it learnt is asked without it

    @phrases.recipe
    def convolutional() -> Any:
        """Filters that find patterns of sound wherever they are, trained by PyTorch."""
        from assay.recipes.audio import convolutional

        return convolutional(Recording.assay_fields["audio"], seed=42)


@phrases.recipe(by_name=True)
def inference() -> Any:
    """Asks the inference module beside this file, which must be running: python inference.py."""
    from assay.recipes.remote import remote

    asked = "http://127.0.0.1:8010/api/detect/{label}/{audio}?min_confidence=0"
    return remote(asked, response={"label": "phrase"})
