/**
 * `npm run vectors`: writes the vector files anew from the cases in this folder.
 * Keys follow from names, so that the same cases always give the same bytes;
 * `test/vector-files.test.ts` fails where a file and its cases differ.
 */
import { writeFileSync } from 'node:fs';
import { vectorFiles } from './files.ts';

for (const [name, file] of await vectorFiles()) {
  writeFileSync(new URL(`${name}.json`, import.meta.url), file);
  console.log(`${name}.json: ${file.length} bytes`);
}
