"""The benchmark's recordings: ten spoken digits, heard by the network that trains without a deep-learning framework."""

from typing import Any

import assay

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


class Recording(assay.Input):
    """A recording of somebody who says digits."""

    audio: str = assay.Audio(rate=8_000, margin_s=0.25)


digits = assay.Model("digits", input=Recording, target="utterances", labels=DIGITS, metric="average_precision")
files = assay.Items("files", models=(digits,))


@digits.recipe
def quick() -> Any:
    """As large as the real one, and trained for a moment: what it says does not matter here, how long it takes does."""
    from assay.recipes.audio import layers

    return layers(Recording.assay_fields["audio"], passes=4)
