"""One SQL database holds what is durable: records, deliveries, keys, compiled sites."""
