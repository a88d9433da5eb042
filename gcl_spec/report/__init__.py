"""What people read of a run: tables and a page."""
