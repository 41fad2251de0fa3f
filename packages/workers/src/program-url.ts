/**
 * What a worker of a pool runs. It is named from the package's outermost folder on, where the bundle of the package lies as well,
 * whatever module of this package it was made of.
 */
export const PROGRAM: URL = new URL('./pool/program.js', import.meta.url);
