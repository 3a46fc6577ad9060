"""The multires field of pictures: wavelets, their prior and the postfilter."""
