"""How records look to a person: quantities with units, tables as text and as HTML."""
