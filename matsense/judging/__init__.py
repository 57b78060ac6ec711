"""From the readings of many runs to a verdict: claims, trends, proportions, the judge."""
