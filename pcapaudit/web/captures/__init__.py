"""The captures themselves: taken in, listed, analysed."""
