"""The inside doors: parse, one use case, present. Only gateways call here, and never without their user's own token."""
