"""How much does a user's report matter?"""

from __future__ import annotations

from typing import Any

import assay


class Report(assay.Input):
    """A report by a user about another, as the service keeps it."""

    abuse_type: str = assay.Category(
        "MSG", "PRF", description="What is reported: a message or a profile", example="MSG"
    )
    report_text_len: int = assay.Integer(
        at_least=0, at_most=100_000, description="How long the report is, in characters", example=180
    )
    profile_rating: float = assay.Number(
        at_least=0, at_most=1, description="How the reported profile is rated", example=0.35
    )
    popularity: int = assay.Integer(at_least=0, at_most=5, description="How popular the reported profile is", example=2)
    lifetime_matches_created: int | None = assay.Integer(
        at_least=0,
        at_most=10_000_000,
        nullable=True,
        description="Matches of the reported profile, where known",
        example=14,
    )


relevance = assay.Model(
    "report-relevance",
    input=Report,
    target="relevant",
    labels=("relevant",),
    metric="average_precision",
    keep_equal=True,
)


# Each recipe imports what it needs: answering needs none of it, and starts faster without.
@relevance.recipe
def boosted() -> Any:
    """Boosted trees."""
    from sklearn.pipeline import make_pipeline
    from xgboost import XGBRegressor

    from assay.recipes import ordinal, yes_or_no

    trees = XGBRegressor(
        objective="binary:logitraw", n_estimators=250, max_depth=4, learning_rate=0.05, subsample=0.8, min_child_weight=20,
        reg_lambda=5.0, base_score=0.0, random_state=42, n_jobs=1,
    )  # fmt: skip
    return yes_or_no(make_pipeline(ordinal(Report), trees))


@relevance.recipe
def network() -> Any:
    """A small network; who asks notices nothing of the change."""
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from assay.recipes import Network, ordinal, yes_or_no

    features = make_pipeline(ordinal(Report), SimpleImputer(strategy="mean"), StandardScaler())
    return yes_or_no(make_pipeline(features, Network(hidden=(32, 16), seed=42)))
