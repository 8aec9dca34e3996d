"""The Python side of a Wharf replica.

Standard library only, Python 3.6 to 3.13. The package is imported from a private
folder that is taken off ``sys.path`` again, so that none of its modules can be
mistaken for one of the user's.
"""
