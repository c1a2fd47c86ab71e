"""The two ends of a conversation, on sockets."""
