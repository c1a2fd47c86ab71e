"""The model explained: what breaks a rule, what happened, why, and who has to change what."""
