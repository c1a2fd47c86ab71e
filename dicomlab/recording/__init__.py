"""Recording a conversation, by tshark where the machine allows it, else by a relay."""
