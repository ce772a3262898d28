"""Outbound: the only way out. Calls connected systems over the declared adapters and nothing else."""
