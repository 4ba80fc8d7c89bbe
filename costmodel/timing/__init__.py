"""How long operators take: tiles, arrays, traffic, collectives."""
