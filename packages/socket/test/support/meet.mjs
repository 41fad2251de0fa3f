// Looks for the sender of the endpoint that it is told, and tells 'met', or the code of the error.
import { socketTransport } from '@pageferry/socket';

const [endpoint = ''] = process.argv.slice(2);
try {
  const receiver = await socketTransport.createReceiver({ endpoint, timeout: 10_000 });
  process.send?.('met');
  await receiver.close();
} catch (error) {
  process.send?.(/** @type {{ code: string }} */ (error).code);
}
process.disconnect?.();
