"""The mirror port's door: what of a long watch is worth saying.

Fed with looks at a capture that goes on, it says which devices came, went dark and recovered. Like the auditor it opens
nothing and knows no clock but the wire's.
"""
