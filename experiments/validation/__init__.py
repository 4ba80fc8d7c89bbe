"""Measured rows, fits to them and the errors that remain."""
