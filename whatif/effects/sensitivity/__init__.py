"""How strong a cause that nobody measured would have to be to change an answer."""
