// A module that throws what has no text.
throw { message: { toString: 1 } };
