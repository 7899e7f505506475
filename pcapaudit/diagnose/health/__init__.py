"""Capture health: what a capture can and cannot show, judged before any rule speaks."""
