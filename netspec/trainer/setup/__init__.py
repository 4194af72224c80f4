"""Assemble a trainer from a net, its recipe and options; estimate and report its memory."""
