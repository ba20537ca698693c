"""Questions that are answered in the background: accepted, looked for, and waited for."""
