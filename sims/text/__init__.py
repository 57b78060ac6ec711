"""Text as it is typed and shown: values read strictly, bytes for a person, escapes."""
