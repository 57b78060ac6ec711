"""Text that comes from files, on its way to a terminal, a table in CSV, or Markdown.

A message, a name, or a verdict.json that somebody sent may hold anything; what it holds is shown,
never obeyed.
"""

import re


def visible(text: str) -> str:
    r"""On one line, with everything that does not print (control characters, changes of the
    direction of writing, halves of characters) as its code, such as \x1b.
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def marked(text: str) -> str:
    """For rich's markup: visible, and brackets are brackets."""
    from rich.markup import escape  # only here: what cannot be imported must be told, too

    return escape(visible(text))


# What a spreadsheet takes for the start of a formula, of full width too; but a number is none.
FORMULA = re.compile(
    r"\s*(?:[=@\uff1d\uff0b\uff0d\uff20]|[+-](?!(?:\d*\.?\d+(?:e[+-]?\d+)?|inf|nan)$))"
)


def cell(text: str) -> str:
    """For CSV: visible, and no formula to a spreadsheet; a number stays one."""
    shown = visible(text)
    return f"'{shown}" if FORMULA.match(shown) else shown


def markdown(text: str) -> str:
    """For a cell of a Markdown table: no new cell, line, tag, link or code."""
    shown = re.sub(r"&(?=[#a-zA-Z])", "&amp;", visible(text)).replace("\\", "&#92;")
    shown = re.sub(r"<(?=[a-zA-Z/!?])", "&lt;", shown)
    for sign in ("|", "`"):
        shown = shown.replace(sign, f"\\{sign}")
    return shown.replace("](", "]\\(").replace("][", "]\\[")
