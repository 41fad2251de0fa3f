/** An output file that cannot be written: the disk is full, for example. */
export class OutputError extends Error {}

/** A file that is no recording, or has not what was asked for. */
export class RecordingError extends Error {}
