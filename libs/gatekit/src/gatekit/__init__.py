"""What both gateways' doors stand on: browser sign-in, cookie sessions, Origin, headers, forwarding, API building."""
