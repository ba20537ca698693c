"""What things are: pure values, no third-party import but the schema library."""
