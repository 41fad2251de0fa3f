// TypeScript before 5.7 knows no `Uint8Array<ArrayBuffer>`, and refuses a declaration that has it.

/** `Uint8Array<ArrayBuffer>`, in words that every TypeScript has: bytes in no memory that threads share. */
export type Bytes = ReturnType<Uint8ArrayConstructor['of']>;

/** `Buffer<ArrayBuffer>` likewise. */
export type OwnBuffer = ReturnType<BufferConstructor['alloc']>;
