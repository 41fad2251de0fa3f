let received = 0;
process.stdin.on('data', (chunk: Buffer) => {
  received += chunk.length;
});
process.stdin.on('end', () => {
  process.send?.(received);
  process.disconnect?.();
});
process.send?.('ready');
