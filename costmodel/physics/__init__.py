"""What a design draws and fills: clock, area, floorplan, energy, power, temperature."""
