"""The broker: kombu in its own threads, over RabbitMQ or in memory; it moves messages, decides nothing."""
