"""Money: yield, package cost, design cost, and what a package costs to own and run."""
