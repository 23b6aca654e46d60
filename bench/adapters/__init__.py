"""Adapters: each module is one tracer, has a class `Adapter` (see `tasks`), and runs in its own virtual environment."""
