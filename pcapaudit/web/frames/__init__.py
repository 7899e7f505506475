"""Single frames: made once, shown with what rests on them."""
