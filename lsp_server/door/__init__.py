"""The HTTP door: fill-in-the-middle for clients that exist already, each in the dialect it speaks."""
