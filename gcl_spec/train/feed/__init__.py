"""Which samples a step gets, and how they are ready in time."""
