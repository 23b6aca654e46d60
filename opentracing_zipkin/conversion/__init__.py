"""Spans in files: read in any encoding, written in another, or drawn as trees."""
