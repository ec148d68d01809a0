"""Tools that the service does not have: asked for in the prompt, and read from the answer."""
