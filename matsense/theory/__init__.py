"""One module a paper: its laws as functions of an instance, cited or marked as derived."""
