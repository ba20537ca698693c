"""What recipes are made of: encoders built from an input type, derived features, stages, other target scales."""

from assay.recipes.embedded import EmbeddedLabels
from assay.recipes.encoders import one_hot, ordinal
from assay.recipes.expressions import Derive
from assay.recipes.stages import Staged, in_stages
from assay.recipes.targets import LogTarget, on_log_target
from assay.recipes.words import WordLabels
from assay.recipes.yes_or_no import Network, YesOrNo, yes_or_no

__all__ = [
    "Derive", "EmbeddedLabels", "LogTarget", "Network", "Staged", "WordLabels", "YesOrNo", "in_stages", "on_log_target",
    "one_hot", "ordinal", "yes_or_no",
]  # fmt: skip
