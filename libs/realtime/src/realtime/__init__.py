"""The live exchange both gateways share: one socket's protocol, its connection, the hub, the subscriber."""
