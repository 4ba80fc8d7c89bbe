"""``python -m search``: the command line, for environments without scripts on the path."""

from search.cli import main

if __name__ == "__main__":
    main()
