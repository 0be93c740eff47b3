"""Chinese party, state, military and people's organs: regions, central organs, types of organ, and the reading of a name."""
