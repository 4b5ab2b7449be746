/** The files that the browser gets: written for it, and the same in a clone and in the package. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fail, messageOf, ok, type Result } from '../../crypto/result.ts';

/** A file of the page. */
export interface PageAsset {
  readonly type: string;
  readonly body: Uint8Array;
}

const files = [['/', 'page.html', 'text/html; charset=utf-8'], ['/page.css', 'page.css', 'text/css; charset=utf-8'], ['/page.js', 'page.js', 'text/javascript; charset=utf-8'], ['/model.js', 'model.js', 'text/javascript; charset=utf-8']] as const;

function folderOf(): URL {
  const here = new URL('assets/', import.meta.url);
  // The built files lie in dist/, and what the browser gets is not built.
  return existsSync(here) ? here : new URL('../../../node/approvals-page/assets/', import.meta.url);
}

/** The files of the page, by the paths that they are asked for under. Fails with `APPROVALS_PAGE_MISSING`. */
export async function loadAssets(folder: URL = folderOf()): Promise<Result<ReadonlyMap<string, PageAsset>>> {
  try {
    const read = files.map(async ([path, name, type]) => [path, { type, body: await readFile(new URL(name, folder)) }] as const);
    return ok(new Map(await Promise.all(read)));
  } catch (error) {
    return fail('APPROVALS_PAGE_MISSING', `the files of the page cannot be read: ${messageOf(error)}`, { fix: 'install agentmesh again; meanwhile: agentmesh approvals list' });
  }
}
