"""The embedded collector's page in a real browser."""
