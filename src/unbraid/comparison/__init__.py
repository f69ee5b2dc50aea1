"""Models side by side: stems as files, and a page that switches between them while it plays."""
