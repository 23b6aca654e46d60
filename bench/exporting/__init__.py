"""The cost of exporting a span of OpenTelemetry's SDK: the CPU time of the whole process until the collector has the span."""
