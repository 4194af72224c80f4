"""What is no mistake and yet worth a word: warnings and notes about a checked net, and comments that silence findings.

A warning is about what is legal and hardly ever meant, a note about what is legitimate and worth knowing. What a layer
can say by itself its own rule says (`dims.warn`); here stands what takes a look at several. Each rule is one look at
each layer, on one walk over the net.
"""
