"""jq compiled to Python closures: what routes use most, at a tenth of the cost of crossing into libjq."""
