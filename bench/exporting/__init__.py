"""The cost of exporting a span of OpenTelemetry's SDK: the CPU of the whole process, until the collector has it."""
