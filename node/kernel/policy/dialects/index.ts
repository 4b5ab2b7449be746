/** Which dialect a policy document is written in, and its reader. Readers are told by keys that no other dialect has. */
import { isFields, type Fields } from '../../../../crypto/canonical.ts';
import type { Result } from '../../../../crypto/result.ts';
import { invalid, type PolicyDocument } from '../document.ts';
import { isFieldsDocument, readFieldsDocument } from './fields.ts';
import { foreignProblem } from './foreign.ts';
import { readNative } from './native.ts';
import { isProxyDocument, readProxyDocument } from './proxy.ts';
import { isTemplate, readTemplate } from './template.ts';
import { isToolkitDocument, readToolkitDocument } from './toolkit.ts';

interface Dialect {
  readonly is: (value: Fields) => boolean;
  readonly read: (value: Fields) => Result<PolicyDocument>;
}

const foreign: readonly Dialect[] = [
  { is: isTemplate, read: readTemplate },
  { is: isProxyDocument, read: readProxyDocument },
  { is: isFieldsDocument, read: readFieldsDocument },
  { is: isToolkitDocument, read: readToolkitDocument },
];

/** Reads a policy document of any dialect. Fails with `POLICY_INVALID`, `detail.path` says where. */
export function readDocument(value: unknown): Result<PolicyDocument> {
  if (!isFields(value)) return invalid({ path: [] }, 'a policy is a mapping', 'start with version: "1.0" and rules:');
  const refused = foreignProblem(value);
  if (refused !== undefined) return refused;
  return foreign.find(({ is }) => is(value))?.read(value) ?? readNative(value);
}
