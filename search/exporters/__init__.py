"""One design in the words of other tools: a file a tool, from one sheet of plain numbers."""
