"""The report of a study: one HTML page that needs no network, and its figures as plotly objects."""
