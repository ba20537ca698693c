"""What recipes are made of: encoders built from an input type, derived features, stages, other target scales."""

from assay.recipes.encoders import one_hot, ordinal
from assay.recipes.expressions import Derive
from assay.recipes.stages import Staged, in_stages
from assay.recipes.targets import LogTarget, on_log_target

__all__ = ["Derive", "LogTarget", "Staged", "in_stages", "on_log_target", "one_hot", "ordinal"]
