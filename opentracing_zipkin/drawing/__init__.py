"""Traces as text: who is whose child, how wide a character is, and rows with bars for a terminal."""
