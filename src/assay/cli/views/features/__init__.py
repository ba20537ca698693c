"""What people see of feature tables."""
