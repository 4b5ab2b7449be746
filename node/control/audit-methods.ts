/** The control methods about audit logs: our own, and those of other hosts as far as they and their witnesses answer. */
import { utf8, fromUtf8, toBase64, toBase64url } from '../../crypto/bytes.ts';
import { didOfWitnessName, openCheckpoint, parseCheckpoint, type Checkpoint } from '../../crypto/checkpoint.ts';
import { leafHash } from '../../crypto/merkle.ts';
import { parseNote, parseVerifier, type NoteSignature } from '../../crypto/note.ts';
import { fail, ok, type Result } from '../../crypto/result.ts';
import { formatProof, parseProof } from '../../crypto/tlog-proof.ts';
import { parseLogPolicy } from '../../crypto/tlog-policy.ts';
import { locate } from '../../protocols/place.ts';
import { proofOf } from '../../protocols/witness/index.ts';
import { decodeDisclosure, encodeDisclosure } from '../../storage/audit-entry.ts';
import { exportLog } from '../../storage/audit-export.ts';
import type { AuditLog } from '../../storage/audit-log.ts';
import { verifyEntryProof } from '../entry-proof.ts';
import { isImportKey, shownPayload } from '../flight-logs.ts';
import type { Host } from '../host.ts';
import { chosenLog } from '../own-logs.ts';
import { recordedKey } from '../recorded-keys.ts';
import type { ControlApi, ControlMethods } from './api.ts';
import type { HeadView, ProofView } from './audit-views.ts';

type AuditMethods = Pick<ControlMethods, 'audit.head' | 'audit.anchor' | 'audit.prove' | 'audit.verify' | 'audit.export'>;

/** The checkpoint in a note, and the lines below the log's own signature. */
export function headOf(note: Uint8Array): Result<HeadView> {
  const parsed = parseNote(note);
  if (!parsed.ok) return parsed;
  const checkpoint = parseCheckpoint(parsed.value.text);
  if (!checkpoint.ok) return checkpoint;
  const { origin, size, root } = checkpoint.value;
  return ok({
    origin, size, root: toBase64(root), note: fromUtf8(note) ?? '',
    cosignatures: parsed.value.signatures.filter((signature) => signature.name !== origin).map((signature) => signature.name),
  });
}

async function ownHead(host: Host, which: string | undefined): Promise<Result<HeadView>> {
  const log = await chosenLog(host, which);
  if (!log.ok) return log;
  const cosigned = await log.value.cosigned();
  if (cosigned.ok) return headOf(cosigned.value);
  const latest = log.value.latest();
  return latest === undefined ? cosigned : headOf(latest.note);
}

/** The largest head of another host's log that its signature covers, from itself or from any peer that witnessed it. */
async function remoteHead(host: Host, did: string): Promise<Result<HeadView>> {
  const record = await host.identity.resolve(did);
  if (!record.ok) return record;
  const key = recordedKey(record.value, 'log');
  if (key === undefined) return fail('AUDIT_LOG_UNKNOWN', `the record of ${did} names no log`);
  const verifier = parseVerifier(key);
  if (!verifier.ok) return verifier;
  const origin = verifier.value.name;
  const own = await host.witness.askKnown(host.parts.network.id, origin);
  const asked = await Promise.all(host.parts.network.peers().map((peer) => host.witness.askKnown(peer.id, origin)));
  const place = await locate(host.parts.network, record.value);
  const itself = place.ok ? await host.witness.askHead(place.value) : place;
  let best: { readonly note: Uint8Array; readonly checkpoint: Checkpoint } | undefined;
  for (const answer of [own, ...asked, itself]) {
    const opened = answer.ok ? openCheckpoint(answer.value, verifier.value) : answer;
    if (!answer.ok || !opened.ok) continue;
    if (best === undefined || opened.value.checkpoint.size > best.checkpoint.size) best = { note: answer.value, checkpoint: opened.value.checkpoint };
  }
  return best === undefined
    ? fail('AUDIT_NO_CHECKPOINT', `neither ${did} nor a peer of ours has a signed head of its log`, { fix: 'ask again after its next checkpoint' })
    : headOf(best.note);
}

/** The vkey of a witness whose line is in a note, from the record of the DID in its name. */
async function witnessKey(host: Host, signature: NoteSignature): Promise<string | undefined> {
  const did = didOfWitnessName(signature.name);
  const record = await host.identity.resolve(did);
  return record.ok ? recordedKey(record.value, 'witness') : undefined;
}

/** The policy under which a note verifies: its log, the witnesses that signed it, and all of them as quorum; keys from DID records, never from the note. */
async function policyFor(host: Host, note: Uint8Array): Promise<Result<string>> {
  const parsed = parseNote(note);
  if (!parsed.ok) return parsed;
  const checkpoint = parseCheckpoint(parsed.value.text);
  if (!checkpoint.ok) return checkpoint;
  const { origin } = checkpoint.value;
  const log = await host.logKey(origin);
  if (!log.ok) return log;
  const names: string[] = [];
  const lines = [`log ${log.value}`];
  for (const signature of parsed.value.signatures.filter((candidate) => candidate.name !== origin)) {
    const key = await witnessKey(host, signature);
    if (key === undefined) continue;
    names.push(`witness-${names.length + 1}`);
    lines.push(`witness ${names.at(-1)} ${key}`);
  }
  if (names.length > 0) lines.push(`group witnesses all ${names.join(' ')}`);
  lines.push(`quorum ${names.length > 0 ? 'witnesses' : 'none'}`);
  return ok(`${lines.join('\n')}\n`);
}

/** The proof with the payload and the salt of its commitment in the `extra` data: whoever gets it can read the payload. */
async function withPayload(log: AuditLog, bytes: Uint8Array, index: number): Promise<Result<Uint8Array>> {
  const proof = parseProof(bytes);
  if (!proof.ok) return proof;
  const record = await log.read(index);
  if (!record.ok) return record;
  const { kind, entry, payload, salt } = record.value;
  if (kind !== 'event') return fail('AUDIT_NO_PAYLOAD', `entry ${index} is an entry of kind ${kind}, which has no payload`, { fix: 'leave out --open' });
  if (payload === undefined || salt === undefined) return fail('AUDIT_ERASED', `the payload of entry ${index} was erased; that the entry is in the log can still be proved`, { fix: 'leave out --open' });
  if (isImportKey(shownPayload(record.value))) return fail('AUDIT_PAYLOAD_SECRET', `entry ${index} holds a key of this host, under which entries from elsewhere are known again`, { fix: 'leave out --open' });
  return ok(formatProof({ ...proof.value, extra: encodeDisclosure({ entry, opened: { salt, payload } }) }));
}

/** What no cosigned checkpoint covers at the end of a closed log never gets one, and is proven under its last signed head. */
async function ownProof(log: AuditLog, index: number, is_past: boolean): Promise<Result<Uint8Array>> {
  const proof = await proofOf(log, index);
  const last = log.latest();
  const is_bare = !proof.ok && ['AUDIT_NOT_ANCHORED', 'AUDIT_NO_CHECKPOINT'].includes(proof.failure.code);
  return is_past && is_bare && last !== undefined && index < last.size ? proofOf(log, index, last.note) : proof;
}

const foreign_log = fail('PARAMS_INVALID', 'earlier logs can be named of this host alone', { fix: 'leave out the DID, or ask the owner of the log' });

async function prove(host: Host, params: ControlApi['audit.prove']['params']): Promise<Result<ProofView>> {
  const did = params.did === undefined ? ok(host.identities.node.did) : host.identities.didOf(params.did);
  if (!did.ok) return did;
  const record = did.value === host.identities.node.did ? undefined : await host.identity.resolve(did.value);
  if (record?.ok === false) return record;
  const place = record === undefined ? undefined : await locate(host.parts.network, record.value);
  if (place?.ok === false) return place;
  if (params.log !== undefined && place !== undefined) return foreign_log;
  if (params.open === true && place !== undefined) {
    return fail('PARAMS_INVALID', 'only the owner of a log can show a payload', { fix: 'ask the owner for a proof with --open' });
  }
  const log = await chosenLog(host, params.log);
  if (!log.ok) return log;
  const closed = place === undefined ? await ownProof(log.value, params.index, log.value !== host.log) : await host.witness.askProof(place.value, params.index);
  const bytes = closed.ok && params.open === true ? await withPayload(log.value, closed.value, params.index) : closed;
  if (!bytes.ok) return bytes;
  const proof = parseProof(bytes.value);
  if (!proof.ok) return proof;
  const disclosure = decodeDisclosure(proof.value.extra ?? new Uint8Array());
  if (!disclosure.ok) return disclosure;
  const policy = await policyFor(host, proof.value.checkpoint);
  if (!policy.ok) return policy;
  return ok({ index: params.index, proof: fromUtf8(bytes.value) ?? '', policy: policy.value, leaf_hash: toBase64url(leafHash(disclosure.value.entry)) });
}

async function verify(host: Host, params: ControlApi['audit.verify']['params']): Promise<Result<ControlApi['audit.verify']['value']>> {
  const bytes = utf8(params.proof);
  const proof = parseProof(bytes);
  if (!proof.ok) return proof;
  const text = params.policy === undefined ? await policyFor(host, proof.value.checkpoint) : ok(params.policy);
  const policy = text.ok ? parseLogPolicy(utf8(text.value)) : text;
  return policy.ok ? verifyEntryProof(bytes, policy.value) : policy;
}

/** The methods about audit logs of a host. */
export function auditMethods(host: Host): AuditMethods {
  return {
    'audit.head': async ({ did, log }) => {
      if (did === undefined) return ownHead(host, log);
      if (log !== undefined) return foreign_log;
      const found = host.identities.didOf(did);
      return found.ok ? remoteHead(host, found.value) : found;
    },
    'audit.anchor': async () => {
      const anchored = await host.witness.anchor();
      return anchored.ok ? headOf(anchored.value.note) : anchored;
    },
    'audit.prove': (params) => prove(host, params),
    'audit.verify': (params) => verify(host, params),
    'audit.export': async ({ folder, log: which }) => {
      const log = await chosenLog(host, which);
      return log.ok ? exportLog(log.value, folder) : log;
    },
  };
}
