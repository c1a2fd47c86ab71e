"""Bytes to fields and fields to bytes; messages, drafts and the state machine. No I/O."""
