"""What a team feels: two real services under load, without tracing, with ours and with OpenTelemetry's."""
