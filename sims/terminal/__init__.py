"""What is typed and printed: the words of a command, its tables, how it ends."""
