"""Capture files to associations: the file, TCP, the conversation. No sockets."""
