"""The parts of build_starter.py: sources, pictures, tasks."""
