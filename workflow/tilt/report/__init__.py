"""The page, its texts and captions."""
