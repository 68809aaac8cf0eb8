"""What was tried, made, checked, published and told, in one database."""
