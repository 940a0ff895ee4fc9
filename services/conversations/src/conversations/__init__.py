"""Owns the storage of conversations, decides who may, and publishes what was stored."""
