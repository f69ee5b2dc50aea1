"""Other people's separators behind our `Model` protocol, to be measured and heard beside ours.

One file a peer; each is imported when somebody names it, and brings no weights along.
"""
