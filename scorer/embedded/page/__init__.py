"""The page of `scorer demo`: one HTML file, one style sheet, two scripts, and one stream of server-sent events."""
