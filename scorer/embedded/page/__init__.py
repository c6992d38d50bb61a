"""The page of `scorer demo`: a few small files, and one stream of server-sent events."""
