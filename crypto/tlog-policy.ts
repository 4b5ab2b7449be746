/**
 * Trust policy for logs (C2SP tlog-policy): which logs and witnesses are known,
 * and which sets of witnesses are enough. Stricter than the specification in
 * one thing: the file is UTF-8.
 */
import { equal, fromUtf8 } from './bytes.ts';
import { openCheckpoint, parseCheckpoint, parseDecimal, type Checkpoint, type Cosignature } from './checkpoint.ts';
import { parseNote, parseVerifier, signature_type_log, signature_type_witness, type SignatureType, type Verifier } from './note.ts';
import { fail, ok, type Result } from './result.ts';

/** The longest policy file that is read. */
export const policy_bytes_max = 65_536;
/** The most logs, witnesses and groups, each; the specification recommends at least 32. */
export const policy_items_max = 64;

interface Group {
  readonly name: string;
  readonly threshold: number;
  readonly members: readonly string[];
}

/** A parsed policy. Groups stand in the order of the file: none refers to a later one. */
export interface LogPolicy {
  readonly logs: readonly Verifier[];
  readonly witnesses: readonly { readonly name: string; readonly verifier: Verifier }[];
  readonly groups: readonly Group[];
  /** Name of a witness or group, or `none`. */
  readonly quorum: string;
}

/** A word of the file as far as a reason repeats it. */
function shown(word: string): string {
  return word.slice(0, 80);
}

class PolicyBuilder {
  readonly logs: Verifier[] = [];
  readonly witnesses: { readonly name: string; readonly verifier: Verifier }[] = [];
  readonly groups: Group[] = [];
  quorum: string | undefined;
  readonly #names = new Set<string>(['none']);
  readonly #members = new Set<string>();

  /** Takes one line's words and says what is wrong with them, or nothing. */
  add(words: readonly string[]): string | undefined {
    const [keyword, ...rest] = words;
    switch (keyword) {
      case 'log': return this.#log(rest);
      case 'witness': return this.#witness(rest);
      case 'group': return this.#group(rest);
      case 'quorum': return this.#quorum(rest);
      default: return `a line begins with log, witness, group or quorum, not with ${shown(keyword ?? 'nothing')}`;
    }
  }

  #log([vkey = '', ...url]: readonly string[]): string | undefined {
    if (url.length > 1) return 'a log line reads log <vkey> [<url>]';
    const verifier = verifierOf(vkey, signature_type_log, this.logs);
    if (typeof verifier === 'string') return verifier;
    this.logs.push(verifier);
    return undefined;
  }

  #witness([name = '', vkey = '', ...url]: readonly string[]): string | undefined {
    if (url.length > 1) return 'a witness line reads witness <name> <vkey> [<url>]';
    const verifier = verifierOf(vkey, signature_type_witness, this.witnesses.map((known) => known.verifier));
    if (typeof verifier === 'string') return verifier;
    this.witnesses.push({ name, verifier });
    return this.#define(name, this.witnesses.length);
  }

  #group([name = '', k = '', ...members]: readonly string[]): string | undefined {
    if (members.length === 0) return 'a group line reads group <name> all|any|<k> <member>...';
    const threshold = k === 'all' ? members.length : k === 'any' ? 1 : parseDecimal(k);
    if (threshold === undefined || threshold < 1 || threshold > members.length) {
      return `the threshold of ${shown(name)} is all, any, or a number from 1 to ${members.length}`;
    }
    for (const member of members) {
      if (member === 'none' || !this.#names.has(member)) return `${shown(member)} is not defined on an earlier line`;
      // One membership each, or one witness could count twice.
      if (this.#members.has(member)) return `${shown(member)} is already a member of a group`;
      this.#members.add(member);
    }
    this.groups.push({ name, threshold, members });
    return this.#define(name, this.groups.length);
  }

  #quorum([name = '', ...more]: readonly string[]): string | undefined {
    if (more.length > 0 || !this.#names.has(name)) return 'the quorum line names one witness or group of an earlier line, or none';
    if (this.quorum !== undefined) return 'there is exactly one quorum line';
    this.quorum = name;
    return undefined;
  }

  #define(name: string, count: number): string | undefined {
    if (count > policy_items_max) return `a policy has at most ${policy_items_max} of each kind`;
    if (this.#names.has(name)) return `${shown(name)} is already defined`;
    this.#names.add(name);
    return undefined;
  }
}

function verifierOf(vkey: string, type: SignatureType, known: readonly Verifier[]): Verifier | string {
  const verifier = parseVerifier(vkey);
  if (!verifier.ok) return verifier.failure.reason;
  if (verifier.value.type !== type) return `this line needs a key of signature type ${type}`;
  if (known.length >= policy_items_max) return `a policy has at most ${policy_items_max} of each kind`;
  return known.some(({ public_key }) => equal(public_key, verifier.value.public_key)) ? 'this key was already listed' : verifier.value;
}

function isAllowed(text: string): boolean {
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    if ((unit < 0x20 && unit !== 0x09 && unit !== 0x0a) || unit === 0x7f) return false;
  }
  return true;
}

/** Parses a policy file. Fails with `POLICY_TOO_LARGE` or with `POLICY_INVALID`, naming the line. */
export function parseLogPolicy(bytes: Uint8Array): Result<LogPolicy> {
  if (bytes.length > policy_bytes_max) return fail('POLICY_TOO_LARGE', `a log policy has at most ${policy_bytes_max} bytes`);
  const text = fromUtf8(bytes);
  if (text === undefined || !isAllowed(text) || !text.endsWith('\n')) {
    return fail('POLICY_INVALID', 'a log policy is UTF-8 text in lines that end in a newline, without control characters');
  }
  const builder = new PolicyBuilder();
  const nothing_said = /[ \t]*[\n#]/y;
  let line = 0;
  // Line by line, because a list of 65,536 empty ones would take hundreds of times the memory of the file.
  for (let start = 0, end = text.indexOf('\n'); end >= 0; start = end + 1, end = text.indexOf('\n', start)) {
    line += 1;
    nothing_said.lastIndex = start;
    if (nothing_said.test(text)) continue;
    const problem = builder.add(text.slice(start, end).split(/[ \t]+/).filter((word) => word !== ''));
    if (problem !== undefined) return fail('POLICY_INVALID', `line ${line}: ${problem}`, { detail: { line } });
  }
  const { logs, witnesses, groups, quorum } = builder;
  if (quorum === undefined) return fail('POLICY_INVALID', 'the quorum line is missing');
  return ok({ logs, witnesses, groups, quorum });
}

/** Whether the witnesses of these names are enough. */
export function quorumMet(policy: LogPolicy, cosigners: readonly string[]): boolean {
  const witnessed = new Set(['none', ...cosigners]);
  for (const { name, threshold, members } of policy.groups) {
    if (members.filter((member) => witnessed.has(member)).length >= threshold) witnessed.add(name);
  }
  return witnessed.has(policy.quorum);
}

/** A checkpoint that satisfies a policy, and who cosigned it. */
export interface TrustedCheckpoint {
  readonly checkpoint: Checkpoint;
  readonly cosignatures: readonly Cosignature[];
}

/**
 * Checks a checkpoint note against a policy alone: signed by a listed log,
 * cosigned by a quorum.
 *
 * Fails with `LOG_UNKNOWN`, `QUORUM_MISSING`, and the codes of opening a checkpoint.
 */
export function checkByPolicy(policy: LogPolicy, note: Uint8Array): Result<TrustedCheckpoint> {
  const parsed = parseNote(note);
  if (!parsed.ok) return parsed;
  const claimed = parseCheckpoint(parsed.value.text);
  if (!claimed.ok) return claimed;
  const { origin } = claimed.value;
  const log = policy.logs.find(({ name, key_id }) => name === origin
    && parsed.value.signatures.some((signature) => signature.name === name && equal(signature.key_id, key_id)));
  if (log === undefined) {
    return fail('LOG_UNKNOWN', `the policy lists no log ${origin} with the key that signed`, { fix: 'add its log line to the policy' });
  }
  const opened = openCheckpoint(note, log, policy.witnesses.map(({ verifier }) => verifier));
  if (!opened.ok) return opened;
  const { checkpoint, cosignatures } = opened.value;
  const cosigners = policy.witnesses
    .filter(({ verifier }) => cosignatures.some((cosignature) => cosignature.verifier === verifier))
    .map(({ name }) => name);
  if (!quorumMet(policy, cosigners)) {
    return fail('QUORUM_MISSING', `the checkpoint of size ${checkpoint.size} is cosigned by ${cosigners.length} known witnesses, which is not the quorum ${policy.quorum}`, {
      detail: { cosigners },
    });
  }
  return ok({ checkpoint, cosignatures });
}
