"""Rows as they come, of tables that are longer than anybody wants to hold in memory."""
