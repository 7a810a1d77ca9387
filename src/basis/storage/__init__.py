"""What is kept: the schema, its migrations, the group-commit writer and one file per record.

Functions here take an open connection and do what they say; they decide nothing about money.
"""
