"""What it takes to ask a remote model: whom it may ask, its connections, its circuit breaker, and how an answer is read."""
