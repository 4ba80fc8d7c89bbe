"""The cost model: what a system of chips takes in time, energy, area, heat and money."""
