"""Tables of numbers as the expressions and layers that give them to the bit."""
