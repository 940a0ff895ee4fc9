"""What every service stands on: settings, log, problems, health, tokens, http, exchange, database."""
