// Sends a message to itself over a transport: `one-message.mjs <export of a package> <endpoint> [bytes]`. Prints `sent`,
// or the code and the message of the error.
const [transport, endpoint, bytes = '5'] = process.argv.slice(2);
const PACKAGES = {
  sharedMmap: '@pageferry/shared-mmap',
  vmspliceNapi: '@pageferry/vmsplice-napi',
  vmspliceFfi: '@pageferry/vmsplice-ffi',
  socketTransport: '@pageferry/socket',
};
let sender;
try {
  const { [transport]: chosen } = await import(PACKAGES[transport]);
  sender = await chosen.createSender({ endpoint });
  const receiver = await chosen.createReceiver({ endpoint });
  await sender.waitForReceivers();
  const length = Number(bytes);
  const sending = sender.send(Buffer.alloc(length, 7));
  const delivery = await receiver.receive();
  await sending;
  const { bytes: arrived } = delivery;
  const isSame = arrived.length === length && arrived.every((byte) => byte === 7);
  console.log(isSame ? 'sent' : 'changed');
  delivery.release();
  await receiver.close();
} catch (error) {
  console.log(error.code ? `${error.code}: ${error.message}` : String(error.stack));
} finally {
  await sender?.close();
}
