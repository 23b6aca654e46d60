"""The package of `opentracing.ext.tags`, which is the name of `opentracing.tags` in 0.5."""
