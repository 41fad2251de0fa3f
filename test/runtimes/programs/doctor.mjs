// What the doctor finds, as JSON.
import { examine } from '@pageferry/doctor';

const [folder] = process.argv.slice(2);
console.log(JSON.stringify(await examine(folder === undefined ? {} : { folder })));
