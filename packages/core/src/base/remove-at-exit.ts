/**
 * Endpoints whose files are to be removed when this thread ends without closing its senders. One
 * listener for all of them, because Node warns of a leak when there are many.
 */
const bound = new Set<{ removeFile(): void }>();

function removeAll(): void {
  for (const endpoint of bound) endpoint.removeFile();
}

/**
 * Has `endpoint.removeFile()` called when this thread's process exits, for backends whose endpoint is a
 * file.
 *
 * @returns the function that takes that back.
 */
export function removeAtExit(endpoint: { removeFile(): void }): () => void {
  if (bound.size === 0) process.on('exit', removeAll);
  bound.add(endpoint);
  return () => {
    bound.delete(endpoint);
    if (bound.size === 0) process.removeListener('exit', removeAll);
  };
}
