"""What an experiment or a subject is refused for is said in a sentence that names it."""

from __future__ import annotations

from assay import errors


def test_a_second_experiment_names_the_first() -> None:
    assert "'checkout' runs on 'stone'" in str(errors.ExperimentRunning("stone", "checkout"))


def test_an_experiment_that_is_not_there_is_told_from_one_that_never_was() -> None:
    assert str(errors.ExperimentNotFound("stone")).startswith("On 'stone' no experiment runs;")
    assert "there never was an experiment 'checkout'" in str(errors.ExperimentNotFound("stone", "checkout"))


def test_a_bad_subject_is_told_the_rule() -> None:
    assert str(errors.BadSubject()) == "A subject is 1 to 256 bytes of printable text in UTF-8."
