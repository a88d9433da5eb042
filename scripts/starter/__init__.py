"""Parts of build_starter.py: sources, pictures, tasks."""
