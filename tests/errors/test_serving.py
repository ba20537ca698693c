"""A promotion that cannot be made says which version it was about, and that nothing changed."""

from __future__ import annotations

from assay import errors


def test_a_version_that_is_not_ready_everywhere_changes_nothing() -> None:
    said = str(errors.VersionNotReady([7], "process 12 could not load it"))
    assert said == "Version 7 was not promoted, and nothing was switched: process 12 could not load it."
    said = str(errors.VersionNotReady((3, 7), "process 12 could not load it: version 7: no memory"))
    assert said.startswith("The versions 3, 7 were not all made ready, and nothing was switched: process 12")


def test_a_promotion_that_is_under_way_names_its_version() -> None:
    assert "Version 7 of 'stone'" in str(errors.PromotionInProgress("stone", 7))
    assert "version 7 of 'stone'" in str(errors.PromotionOvertaken("stone", 7))
