"""What a workload runs on: technology tables, chips, packages, systems."""
