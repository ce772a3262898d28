"""What operators and newcomers use around a running bus: its run file, a client, doctor, demo, workers."""
