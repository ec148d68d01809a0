"""JSON as an answer: asked for in the prompt, read from the answer, given out as it comes."""
