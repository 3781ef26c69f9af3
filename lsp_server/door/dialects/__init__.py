"""One file a dialect: what its clients send, and how an answer looks to them."""
