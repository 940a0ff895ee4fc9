"""Web push: telling a browser whose page is closed that there is something new, and nothing else (RFC 8030)."""
