"""Reads the messages of a protocol on a connection: one module a dialect. Pure.

It never changes a byte. It keeps back the beginning of a message, at most `base.HEAD_BYTES`, until
it knows what the message asks for.
"""
