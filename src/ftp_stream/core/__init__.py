"""Pure decisions: no clock, socket, file, thread, randomness or logging. Time comes in, deadlines go out."""
