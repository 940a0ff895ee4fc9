"""Issues staff-permission and portal tokens: the OpenID provider of the platform."""
