"""Traces as text: trees of parents and children, widths of characters, and rows with bars for a terminal."""
