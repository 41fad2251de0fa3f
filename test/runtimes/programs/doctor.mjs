// What the doctor finds, as JSON.
import { examine } from '@pageferry/doctor';

console.log(JSON.stringify(await examine()));
