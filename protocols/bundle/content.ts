/** What a bundle of policies holds: the texts of policy files, under the name and version that its statement says. */
import { fromUtf8, toBase64url, utf8 } from '../../crypto/bytes.ts';
import { canonicalJsonBytes, hasShape, isWhole, parseCanonicalJson } from '../../crypto/canonical.ts';
import { sha256 } from '../../crypto/hash.ts';
import { bundle_bytes_max, isBundleName } from '../../crypto/policy-bundle.ts';
import { fail, ok, type Result } from '../../crypto/result.ts';
import { bundle_file_length_max, bundle_policies_max } from './constants.ts';

const content_kind = 'policy-bundle';
const content_version = 1;

/** A policy file in a bundle. */
export interface BundledPolicy {
  /** What the file is called, in errors and records. */
  readonly file: string;
  readonly text: string;
}

/** What a bundle holds. */
export interface BundleContent {
  readonly name: string;
  readonly version: number;
  readonly policies: readonly BundledPolicy[];
}

/** A bundle as it is published and passed on. */
export interface EncodedBundle {
  readonly bytes: Uint8Array;
  /** SHA-256 of the bytes in base64url. */
  readonly digest: string;
}

function malformed(reason: string, fix = 'publish the files again: agentmesh policy publish'): ReturnType<typeof fail> {
  return fail('BUNDLE_MALFORMED', reason, { fix });
}

// No path: the name is only shown. Control characters would let it dress up a terminal.
function isFileName(name: unknown): name is string {
  return typeof name === 'string' && name.length >= 1 && name.length <= bundle_file_length_max && /^[^\p{C}/\\]+$/u.test(name);
}

function isPolicy(value: unknown): value is BundledPolicy {
  return hasShape(value, ['file', 'text']) && isFileName(value['file']) && typeof value['text'] === 'string';
}

function isContent(value: unknown): value is BundleContent {
  if (!hasShape(value, ['agentmesh', 'v', 'name', 'version', 'policies']) || value['agentmesh'] !== content_kind || value['v'] !== content_version) return false;
  const { name, version, policies } = value;
  return typeof name === 'string' && isBundleName(name) && isWhole(version) && version >= 1 && Array.isArray(policies) && policies.every(isPolicy);
}

function checked(content: BundleContent): Result<void> {
  const { name, version, policies } = content;
  if (!isBundleName(name)) return malformed(`${JSON.stringify(name.slice(0, 80))} is no name of a bundle`, 'use 1 to 64 characters of a-z, 0-9 and, within, ".", "_" and "-"');
  if (!isWhole(version) || version < 1) return malformed('a version is a whole number from 1');
  if (policies.length < 1 || policies.length > bundle_policies_max) return malformed(`a bundle holds 1 to ${bundle_policies_max} policies, this one ${policies.length}`, 'publish several bundles, each with --name');
  const unnamed = policies.find(({ file }) => !isFileName(file));
  if (unnamed !== undefined) return malformed(`${JSON.stringify(unnamed.file.slice(0, 80))} is no name of a file`, `use 1 to ${bundle_file_length_max} printable characters without a slash`);
  if (new Set(policies.map(({ file }) => file)).size < policies.length) return malformed('two policies of the bundle have one name', 'give each file another name');
  return ok(undefined);
}

/** The bytes of a bundle. Fails with `BUNDLE_MALFORMED` or `BUNDLE_TOO_LARGE`. */
export function encodeBundle({ name, version, policies }: BundleContent): Result<EncodedBundle> {
  const valid = checked({ name, version, policies });
  if (!valid.ok) return valid;
  if (!policies.every(({ text }) => fromUtf8(utf8(text)) === text)) return malformed('a policy is no Unicode text', 'write the file in UTF-8');
  const bytes = canonicalJsonBytes({ agentmesh: content_kind, v: content_version, name, version, policies: policies.map(({ file, text }) => ({ file, text })) });
  if (bytes.length > bundle_bytes_max) {
    return fail('BUNDLE_TOO_LARGE', `a bundle has at most ${bundle_bytes_max} bytes, this one ${bytes.length}`, { fix: 'publish several bundles, each with --name' });
  }
  return ok({ bytes, digest: toBase64url(sha256(bytes)) });
}

/** What the bytes of a bundle hold; whether they are those that its organisation signed is not looked at. Fails with `BUNDLE_MALFORMED` or `BUNDLE_TOO_LARGE`. */
export function parseBundle(bytes: Uint8Array): Result<BundleContent> {
  if (bytes.length > bundle_bytes_max) return fail('BUNDLE_TOO_LARGE', `a bundle has at most ${bundle_bytes_max} bytes, this one ${bytes.length}`);
  const parsed = parseCanonicalJson(bytes);
  if (!parsed.ok) return fail('BUNDLE_MALFORMED', `a bundle is JSON in its RFC 8785 form: ${parsed.failure.reason}`, { cause: parsed.failure });
  const content: unknown = parsed.value;
  if (!isContent(content)) return malformed('a bundle has exactly agentmesh, v, name, version and policies with file and text');
  const valid = checked(content);
  return valid.ok ? ok({ name: content.name, version: content.version, policies: content.policies }) : valid;
}
