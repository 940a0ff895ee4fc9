"""Serves /messaging to staff: page, REST and live socket."""
