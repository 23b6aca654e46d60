"""Home of `opentracing.ext.tags`, the name 0.5 gave to `opentracing.tags`."""
