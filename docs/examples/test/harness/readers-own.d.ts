// What the programs of the pages leave to their reader.
declare function temporaryPath(): string;
