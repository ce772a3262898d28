"""The control plane: an API under `/api` and the pages people look at. FastAPI; never on the data path."""
