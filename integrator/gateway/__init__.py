"""The data plane: entries, identity, policy, journalled exchanges, minimisation, error answers."""
