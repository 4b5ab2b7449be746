/** The routes of the sidecar about an agent's memory. */
import { fromBase64, fromUtf8, toBase64, utf8 } from '../../crypto/bytes.ts';
import { isStrings } from '../../crypto/canonical.ts';
import { fail, ok, type Result } from '../../crypto/result.ts';
import { fileView } from '../control/vfs-methods.ts';
import type { Vfs } from '../kernel/memory/vfs.ts';
import { vfs_page_entries_max, vfs_ttl_ms_max, type WriteOptions } from '../kernel/memory/options.ts';
import type { Caller } from './caller.ts';
import { memory_bytes_max, read_bytes_max } from './limits.ts';
import { BytesAnswer, objectOf, type AgentRoute, type Asked, type Input, type Parameter } from './route.ts';
import { file_schema, shortText, text, text_or_null } from './schemas.ts';
import type { SidecarServices } from './services.ts';

const path: Parameter = { in: 'query', required: true, description: 'From the root, such as /mem/working/notes.md', schema: shortText(1024) };
const hash: Parameter = { in: 'query', description: 'The hash that the content must have at present', schema: { type: 'string', pattern: '^[0-9a-f]{64}$' } };

function textOf(input: Input, name: string): string {
  const value = input[name];
  return typeof value === 'string' ? value : '';
}

function numberOf(input: Input, name: string, otherwise: number): number {
  const value = input[name];
  return typeof value === 'number' ? value : otherwise;
}

async function using<T>({ host }: SidecarServices, { agent, act }: Caller, use: (files: Vfs) => Promise<Result<T>>): Promise<Result<T>> {
  const files = host.files.of(agent.identity.did);
  return files.ok ? act(() => use(files.value)) : files;
}

/** The bytes that are to be written. Fails with `REQUEST_INVALID`. */
function contentOf({ input, bytes }: Pick<Asked, 'input' | 'bytes'>): Result<Uint8Array> {
  if (bytes !== undefined) return ok(bytes);
  const content = textOf(input, 'content');
  if (input['encoding'] !== 'base64') return ok(utf8(content.toWellFormed()));
  const decoded = fromBase64(content);
  return decoded === undefined ? fail('REQUEST_INVALID', 'the content is not base64', { fix: 'RFC 4648 section 4, with padding' }) : ok(decoded);
}

function optionsOf(input: Input): WriteOptions {
  const { mode, if_hash, ttl_ms, tags } = input;
  return {
    ...(mode === 'append' || mode === 'create' ? { mode } : {}),
    ...(typeof if_hash === 'string' ? { if_hash } : {}),
    ...(typeof ttl_ms === 'number' ? { ttl_ms } : {}),
    ...(isStrings(tags) ? { tags } : {}),
  };
}

const read: AgentRoute = {
  access: 'agent', method: 'GET', path: '/v1/memory', operation: 'readMemory', summary: 'Read a file, or a part of it',
  parameters: {
    path,
    offset: { in: 'query', description: 'The first byte; 0 where absent', schema: { type: 'integer', minimum: 0 } },
    length: { in: 'query', description: 'How many bytes', schema: { type: 'integer', minimum: 0, maximum: read_bytes_max } },
  },
  or_bytes: true,
  answer: objectOf({ file: file_schema, content: text, encoding: { enum: ['utf8', 'base64'] }, offset: { type: 'integer' }, more: { type: 'boolean', description: 'Whether the file goes on behind what is given' } }),
  answerTo: (services, caller, { input, wants_bytes }) => using<object>(services, caller, async (files) => {
    const part = { offset: numberOf(input, 'offset', 0), length: numberOf(input, 'length', read_bytes_max) };
    const found = await files.read(textOf(input, 'path'), part);
    if (!found.ok) return found;
    const { stat, bytes } = found.value;
    const more = part.offset + part.length < stat.bytes;
    if (wants_bytes) return ok(new BytesAnswer(bytes, { 'x-agentmesh-hash': stat.hash, 'x-agentmesh-more': String(more) }));
    const content = fromUtf8(bytes);
    return ok({ file: fileView(stat), content: content ?? toBase64(bytes), encoding: content === undefined ? 'base64' : 'utf8', offset: part.offset, more });
  }),
};

const write: AgentRoute = {
  access: 'agent', method: 'PUT', path: '/v1/memory', operation: 'writeMemory', summary: 'Write a file in one step',
  parameters: {
    path,
    mode: { in: 'query', description: 'replace where absent', schema: { enum: ['replace', 'append', 'create'] } },
    if_hash: hash,
    ttl_ms: { in: 'query', description: 'After so long it is gone', schema: { type: 'integer', minimum: 1, maximum: vfs_ttl_ms_max } },
  },
  body: { bytes_max: memory_bytes_max, or_bytes: true, schema: objectOf({ content: text, 'encoding?': { enum: ['utf8', 'base64'] }, 'tags?': { type: 'array', items: text, maxItems: 16 } }) },
  answer: file_schema,
  answerTo: (services, caller, { input, bytes }) => using(services, caller, async (files) => {
    const content = contentOf({ input, bytes });
    if (!content.ok) return content;
    const written = await files.write(textOf(input, 'path'), content.value, optionsOf(input));
    return written.ok ? ok(fileView(written.value)) : written;
  }),
};

const remove: AgentRoute = {
  access: 'agent', method: 'DELETE', path: '/v1/memory', operation: 'removeMemory', summary: 'Remove a file, or a folder with all that is in it',
  parameters: { path, recursive: { in: 'query', description: 'Also where a folder is not empty', schema: { type: 'boolean' } }, if_hash: hash },
  answer: objectOf({ path: text }),
  answerTo: (services, caller, { input }) => using(services, caller, async (files) => {
    const if_hash = textOf(input, 'if_hash');
    const removed = await files.remove(textOf(input, 'path'), { recursive: input['recursive'] === true, ...(if_hash === '' ? {} : { if_hash }) });
    return removed.ok ? ok({ path: textOf(input, 'path') }) : removed;
  }),
};

const list: AgentRoute = {
  access: 'agent', method: 'GET', path: '/v1/memory/list', operation: 'listMemory', summary: 'What is in a folder, by name',
  parameters: {
    path,
    after: { in: 'query', description: 'The name behind which the page begins: next of the page before', schema: { type: 'string', maxLength: 256 } },
    limit: { in: 'query', description: 'Entries of the page', schema: { type: 'integer', minimum: 1, maximum: vfs_page_entries_max } },
  },
  answer: objectOf({ files: { type: 'array', items: file_schema }, next: text_or_null }),
  answerTo: (services, caller, { input }) => using(services, caller, async (files) => {
    const limit = numberOf(input, 'limit', vfs_page_entries_max);
    const listed = await files.list(textOf(input, 'path'), { after: textOf(input, 'after'), limit });
    if (!listed.ok) return listed;
    const last = listed.value.length < limit ? undefined : listed.value.at(-1)?.path;
    return ok({ files: listed.value.map(fileView), next: last === undefined ? null : last.slice(last.lastIndexOf('/') + 1) });
  }),
};

/** The routes about memory. */
export const memory_routes: readonly AgentRoute[] = [read, write, remove, list];
