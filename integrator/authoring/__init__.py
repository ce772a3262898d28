"""What people who write flows use: check a site, compile it."""
