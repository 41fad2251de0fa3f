// Ends before it connects.
process.exit(7);
