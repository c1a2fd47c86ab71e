"""Exercises, checked on bytes and recordings."""
