"""What is wrong with an entity is said with its table and its key."""

from __future__ import annotations

from assay.errors import EntityKeyInvalid, EntityNotFound, EntityOutdated, FeaturesNotFound


def test_the_sentences_name_table_and_key() -> None:
    assert str(FeaturesNotFound("shops")) == "There is no feature table named 'shops'."
    assert str(EntityNotFound("shops", "s1")) == "The feature table 'shops' has no entity 's1'."
    assert str(EntityOutdated("shops", "s1", "no size")).startswith(
        "What 'shops' keeps of 's1' cannot be asked (no size)"
    )
    assert EntityKeyInvalid("id", "must be a UUID").faults[0].pointer == "id"


def test_their_codes_are_their_names() -> None:
    kinds = (FeaturesNotFound, EntityNotFound, EntityKeyInvalid, EntityOutdated)
    assert [kind.code for kind in kinds] == [
        "features_not_found", "entity_not_found", "entity_key_invalid", "entity_outdated",
    ]  # fmt: skip
