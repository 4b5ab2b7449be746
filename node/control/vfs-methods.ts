/** The control methods about the memory of agents: as the owner of the host has it. */
import { fromBase64, toBase64 } from '../../crypto/bytes.ts';
import { fail, ok, type Result } from '../../crypto/result.ts';
import { erasure_bases, isErasureBasis } from '../../storage/audit-entry.ts';
import type { VfsStat } from '../../storage/vfs.ts';
import type { Host } from '../host.ts';
import type { LocalIdentity } from '../identities.ts';
import { vfs_page_entries_max } from '../kernel/memory/options.ts';
import type { Vfs } from '../kernel/memory/vfs.ts';
import type { ControlMethods } from './api.ts';
import type { FileView, VfsControlApi } from './vfs-api.ts';

/** What is read of a file by one request. */
export const vfs_read_bytes_max = 4_194_304;

/** A file or folder for whoever asks. */
export function fileView(stat: VfsStat): FileView {
  if (stat.kind === 'folder') {
    return { kind: 'folder', path: stat.path, bytes: stat.bytes, inodes: stat.inodes, hash: null, modified_ms: null, expires_ms: null, writer: null, call_id: null, tags: [], labels: stat.labels };
  }
  const { kind, path, bytes, hash, modified_ms, expires_ms, writer, call_id, tags, labels } = stat;
  return { kind, path, bytes, inodes: null, hash, modified_ms, expires_ms, writer, call_id: call_id === '' ? null : call_id, tags, labels };
}

/** The agent that is named, or the only one. Fails with `IDENTITY_UNKNOWN` or `PARAMS_INVALID`. */
function agentOf(host: Host, agent: string | undefined): Result<LocalIdentity> {
  const agents = host.identities.list('agent');
  if (agent === undefined) {
    const [only, ...others] = agents;
    if (only === undefined) return fail('PARAMS_INVALID', 'this host has no agent', { fix: 'agentmesh agent create' });
    return others.length === 0 ? ok(only) : fail('PARAMS_INVALID', `this host has ${agents.length} agents`, { fix: 'say whose memory it is: AGENT:/path' });
  }
  const did = host.identities.didOf(agent);
  if (!did.ok) return did;
  const found = agents.find((one) => one.did === did.value);
  return found === undefined ? fail('PARAMS_INVALID', `${agent} is no agent of this host`, { fix: 'agentmesh agent list' }) : ok(found);
}

async function erase(host: Host, { agent, basis }: VfsControlApi['vfs.erase']['params']): Promise<Result<VfsControlApi['vfs.erase']['value']>> {
  if (!isErasureBasis(basis)) return fail('PARAMS_INVALID', `the basis of an erasure is one of ${Object.keys(erasure_bases).join(', ')}`);
  const found = agentOf(host, agent);
  const erased = found.ok ? await host.files.erase(found.value.did, basis) : found;
  if (!found.ok) return found;
  return erased.ok ? ok({ agent: found.value.did, ...erased.value }) : erased;
}

async function read(files: Vfs, path: string, offset: number): Promise<Result<VfsControlApi['vfs.read']['value']>> {
  if (!Number.isSafeInteger(offset) || offset < 0) return fail('PARAMS_INVALID', 'an offset is a whole number from 0');
  const found = await files.read(path, { offset, length: vfs_read_bytes_max });
  if (!found.ok) return found;
  const { stat, bytes } = found.value;
  return ok({ file: fileView(stat), offset, content: toBase64(bytes), more: offset + bytes.length < stat.bytes });
}

async function write(files: Vfs, { path, content, mode = 'replace', if_hash, ttl_ms, tags }: VfsControlApi['vfs.write']['params']): Promise<Result<FileView>> {
  const bytes = fromBase64(content);
  if (bytes === undefined) return fail('PARAMS_INVALID', 'the content is not base64');
  if (mode !== 'replace' && mode !== 'append' && mode !== 'create') return fail('PARAMS_INVALID', 'a file is written by replace, append or create');
  const written = await files.write(path, bytes, { mode, ...(if_hash === undefined ? {} : { if_hash }), ...(ttl_ms === undefined ? {} : { ttl_ms }), ...(tags === undefined ? {} : { tags }) });
  return written.ok ? ok(fileView(written.value)) : written;
}

async function done<T>(work: Promise<Result<unknown>>, value: T): Promise<Result<T>> {
  const ended = await work;
  return ended.ok ? ok(value) : ended;
}

/** The methods about the memory of agents. */
export function vfsMethods(host: Host): Pick<ControlMethods, keyof VfsControlApi> {
  const using = async <T>(agent: string | undefined, use: (files: Vfs) => Promise<Result<T>>): Promise<Result<T>> => {
    const found = agentOf(host, agent);
    return found.ok ? use(host.files.asOperator(found.value)) : found;
  };
  return {
    'vfs.list': ({ agent, path, after = '' }) => using(agent, async (files) => {
      const listed = await files.list(path, { after });
      if (!listed.ok) return listed;
      const last = listed.value.length < vfs_page_entries_max ? undefined : listed.value.at(-1)?.path;
      return ok({ files: listed.value.map(fileView), next: last === undefined ? null : last.slice(last.lastIndexOf('/') + 1) });
    }),
    'vfs.read': ({ agent, path, offset = 0 }) => using(agent, (files) => read(files, path, offset)),
    'vfs.write': (params) => using(params.agent, (files) => write(files, params)),
    'vfs.remove': ({ agent, path, recursive = false }) => using(agent, (files) => done(files.remove(path, { recursive }), { path })),
    'vfs.snapshot': ({ agent, note = '' }) => using(agent, (files) => files.snapshot(note)),
    'vfs.snapshots': ({ agent }) => using(agent, (files) => files.snapshots()),
    'vfs.restore': ({ agent, root, path = '/' }) => using(agent, (files) => done(files.restore(root, path), { root, path })),
    'vfs.drop': ({ agent, root }) => using(agent, (files) => done(files.drop(root), { root })),
    'vfs.erase': (params) => erase(host, params),
    'vfs.diff': ({ agent, from, to }) => using(agent, (files) => files.diff(from, to)),
  };
}
