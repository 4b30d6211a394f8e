"""Image files to pixels and back: opening, checking, colours, limits. Nothing here is needed by the numerics."""
