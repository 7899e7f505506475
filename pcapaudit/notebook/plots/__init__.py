"""Pictures: each module draws one kind on axes that it takes or makes, and returns them."""
