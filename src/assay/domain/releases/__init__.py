"""Who answers: the gate that is held against a version, the verdict on it, and the decision."""
