"""Is a version still what it should be? The control set is held against it before it answers and again and again after."""
