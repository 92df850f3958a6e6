"""Messages of voice and chat stacks: proved to be theirs, then read as states of records. One module for each stack."""
