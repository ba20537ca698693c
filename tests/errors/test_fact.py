"""Every way to fail is a sentence with a code of its own."""

from __future__ import annotations

import pytest

from assay import errors
from assay.errors import AssayError

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, AssayError)]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_an_error_says_in_its_docstring_what_happened(kind: type[AssayError]) -> None:
    assert (kind.__doc__ or "").strip().endswith(".")


def test_no_two_errors_share_a_code() -> None:
    codes = [kind.code for kind in KINDS]
    assert sorted(set(codes)) == sorted(codes)


def test_without_a_message_the_docstring_is_the_message() -> None:
    assert str(errors.TooDeep()) == "The body nests deeper than 32 levels."
    assert str(errors.TooDeep("Deeper than that.")) == "Deeper than that."


def test_the_code_is_the_name_unless_another_word_is_known() -> None:
    assert errors.VersionNotFound.code == "version_not_found"
    assert errors.StoreUnavailable.code == "storage_unavailable"
