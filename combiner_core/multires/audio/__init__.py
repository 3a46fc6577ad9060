"""The multires field of sound: lapped cosines and their prior."""
