"""Studies, validation and published figures; run from a checkout, not part of the wheel."""
