/** Published test vectors, which live beside the repository and may be missing in a clone. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Test, TestContext } from './harness.ts';

const root = new URL('../../shared/vectors/', import.meta.url);

/** The bytes of a vector file. */
export function vector(path: string): Uint8Array {
  return new Uint8Array(readFileSync(new URL(path, root)));
}

/** The text of a vector file. */
export function vectorText(path: string): string {
  return readFileSync(new URL(path, root), 'utf8');
}

/** All files below a folder of vectors, as paths for {@link vector}. */
export function vectorFiles(folder: string): string[] {
  return readdirSync(new URL(`${folder}/`, root), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => `${entry.parentPath}/${entry.name}`.slice(fileURLToPath(root).length))
    .sort();
}

/** Declares a test over a folder of vectors, skipped aloud when that is missing. */
export function withVectors(test: Test, folder: string, name: string, body: (context: TestContext) => void | Promise<void>): void {
  if (existsSync(new URL(folder, root))) test(name, body);
  else test.skip(name, `the published vectors in shared/vectors/${folder} are not here`);
}
