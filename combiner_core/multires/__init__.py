"""The fast default: localised waves, whose prior is predicted from what is decoded already."""
