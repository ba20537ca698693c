"""Who answers: the decisions, what was found before them, and the processes that follow them."""
