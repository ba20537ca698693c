"""Feature tables: what is known of each entity under its key, now and at any time before."""
