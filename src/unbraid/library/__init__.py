"""Songs in files to stems in files: names, one song, and later many."""
