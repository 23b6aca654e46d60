"""Adapters: one module a tracer, each with a class `Adapter` of the shape in `tasks`, run under an environment of its own."""
