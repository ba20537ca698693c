"""What is this user interested in?"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import assay

# The vocabulary by field of work. An interest's id is made of its label, so that it is the same for ever.
FIELDS = {
    "finance": ("Accounting technician", "Tax adviser", "Actuary", "Investment analyst", "Auditor"),
    "earth": ("Field seismologist", "Hydrologist", "Geochemist", "Oceanographer", "Mining engineer"),
    "making": ("Industrial designer", "Materials engineer", "Welder", "Production manager", "Ergonomist"),
    "clothing": ("Fashion designer", "Textile technologist", "Pattern cutter", "Stylist", "Costume maker"),
    "press": ("Newspaper journalist", "Commissioning editor", "Copywriter", "Photographer", "Broadcast producer"),
    "care": ("Music therapist", "Midwife", "Dietitian", "Speech therapist", "Paramedic"),
    "office": ("Company secretary", "Recruiter", "Event organiser", "Office manager", "Translator"),
    "law": ("Barrister", "Patent attorney", "Notary", "Mediator", "Probation officer"),
    "computing": ("Data scientist", "Network engineer", "Game developer", "Systems analyst", "Security tester"),
    "nature": ("Arborist", "Zoologist", "Ecologist", "Farm manager", "Horticulturist"),
    "building": ("Architect", "Surveyor", "Civil engineer", "Town planner", "Landscape architect"),
    "teaching": ("Primary teacher", "Museum curator", "Librarian", "Careers adviser", "Sports coach"),
}
INTERESTS = {label: str(uuid5(NAMESPACE_URL, f"interests/{label}")) for labels in FIELDS.values() for label in labels}


class Profile(assay.Input):
    """What a model is told of a user."""

    type: str = assay.Category("B2B", "B2C", description="Whether a company or a consumer", example="B2B")
    content_titles: str = assay.Text(
        max_length=4_000, description="The titles of what the user has read, joined by ' / '; empty for a new user",
        example="Tides and currents explained / A map of the deep sea",
    )  # fmt: skip


class User(Profile):
    """What is kept of a user: the same, and a name that no model sees."""

    name: str = assay.Text(max_length=200, description="The user's name", example="Kisiza")


users = assay.Features("users", User, key="id", form="uuid")
interests = assay.Model(
    "interests", input=Profile, features=users, target="interests", labels=tuple(INTERESTS), metric="average_precision", threshold=0.3,
    keep_equal=True,  # two users may be alike in all that is known of them
)  # fmt: skip


@interests.recipe
def words() -> Any:
    """A logistic curve for each interest over the words of the titles: light, exact, and served without a framework."""
    from assay.recipes import WordLabels

    return WordLabels("content_titles", beside=("type",), strength=10.0)


if find_spec("tensorflow"):  # pip install 'assay[tensorflow]'; what it learnt is asked without it

    @interests.recipe
    def embedded() -> Any:
        """The network of the assignment over the embedded words of the titles, trained by Keras."""
        from assay.recipes import EmbeddedLabels

        return EmbeddedLabels("content_titles", beside=("type",), widths=(124, 128, 64), passes=8, seed=42)
