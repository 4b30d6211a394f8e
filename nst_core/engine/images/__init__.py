"""Image files to pixels and back: formats, opening, checks, colours, limits. The numerics need none of it."""
