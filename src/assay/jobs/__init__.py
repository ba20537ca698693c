"""Background work: a worker that runs each job in a process of its own, and the schedules that make jobs."""
