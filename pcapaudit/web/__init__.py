"""The admin's door: drop a capture in the browser, get the answer to send on. Runs in a closed network."""
