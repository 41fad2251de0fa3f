// Never connects: lives until it is ended.
setInterval(() => undefined, 60_000);
process.send?.('begun');
