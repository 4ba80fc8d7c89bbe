"""Numerics shared by the cost model: relaxed integer functions, units, batch shapes."""
