"""How small an effect a study can see: before it starts and after it ran."""
