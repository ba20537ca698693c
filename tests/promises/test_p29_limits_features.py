"""P29: how long an entity's key may be is counted."""

from __future__ import annotations

import pytest

import assay
from assay.errors import EntityKeyInvalid
from tests.promises.limits import limit, tries


class Profile(assay.Input):
    """What is known of somebody."""

    age: float = assay.Number()


@tries("entity-key")
def test_an_entitys_key() -> None:
    table = assay.Features("people", Profile, key="person")
    most = limit("entity-key")
    assert table.key_of("k" * most) == "k" * most
    with pytest.raises(EntityKeyInvalid, match=str(most)):
        table.key_of("k" * (most + 1))
