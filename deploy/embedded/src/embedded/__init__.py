"""The four services and the relay in one process, for a first look and for small clinics."""
