"""Serves /portal/messages to patients: page, REST and live socket."""
