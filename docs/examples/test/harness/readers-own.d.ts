// What the programs of the pages leave to their reader.
declare const frame: Uint8Array;
declare const camera: { readInto(bytes: Uint8Array): void };
declare function look(bytes: Uint8Array): void;
declare function show(bytes: Uint8Array): void;
declare function temporaryPath(): string;
