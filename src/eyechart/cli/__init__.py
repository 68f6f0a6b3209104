"""The command line: one command, one file, each loaded when it is called."""
