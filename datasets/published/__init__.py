"""Linear systems as published generators build them, to repeat published tables; not physics.

Each module is one publication and says what its matrices are, and where they are not what the
paper says. For data, take the problems in `datasets/problems`.
"""
