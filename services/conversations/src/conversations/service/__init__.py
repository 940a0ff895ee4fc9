"""The use cases: what people do with conversations. One method is one transaction, unless it says otherwise."""
