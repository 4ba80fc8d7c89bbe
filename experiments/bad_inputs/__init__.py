"""Inputs that cannot work, and what the command line has to answer to each of them."""
