"""`unbraid demo`: a bundled clip taken apart, and a page to hear and see it with."""
