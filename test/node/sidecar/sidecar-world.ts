/** A real node with an open sidecar, and clients of it whose every answer is checked against the OpenAPI document. */
import { Validator } from '@cfworker/json-schema';
import { request, type ClientRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { isFields } from '../../../crypto/canonical.ts';
import { unwrap } from '../../../crypto/result.ts';
import type { KernelSpace } from '../../../node/kernel/index.ts';
import { createNode, type Node } from '../../../node/node.ts';
import { sidecarDocument } from '../../../node/sidecar/index.ts';
import type { TestContext } from '../../harness.ts';

/** What a client sends. */
export interface Sent {
  readonly token?: string | null;
  readonly body?: unknown;
  readonly bytes?: Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
  readonly over?: 'socket' | 'loopback';
}

/** What comes back. */
export interface Got {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** The body as JSON, where it is one. */
  readonly json: { readonly [name: string]: unknown };
}

const policy = `version: "1.0"
name: desk
rules:
  - { name: reads, condition: "action.type in ['read', 'execute', 'vfs.read', 'vfs.list', 'tool', 'tool_result']", action: allow }
  - { name: serves, condition: "action.type in ['tool.register', 'tool.serve'] and action.tool != 'unwanted'", action: allow }
  - { name: no-leaks, condition: "action.type == 'tool_result' and action.tool == 'leak' and data.contains_pii", action: deny }
  - { name: stays-here, condition: "action.type == 'command_result' and action.tool == 'vault' and data.contains_pii", action: deny }
  - { name: memory, condition: "action.type in ['vfs.write', 'vfs.delete']", action: allow }
  - { name: greets, condition: "action.type == 'greet'", action: allow }
  - { name: no-secrets-file, condition: "action.type == 'read' && action.resource == 'secrets'", action: deny }
  - { name: payments, condition: "action.type == 'pay'", action: require_approval }
  - { name: mails, condition: "action.type == 'mail'", action: allow }
  - { name: mails-redacted, condition: "action.type == 'mail'", action: redact }
`;

const document = sidecarDocument();
/** The operations whose answers were checked, with the statuses that came. */
export const checked_operations: Map<string, Set<number>> = new Map();

function membersOf(value: unknown, ...names: readonly string[]): unknown {
  return names.reduce<unknown>((inner, name) => (isFields(inner) ? inner[name] : undefined), value);
}

/** Checks an answer against what the document says of its operation. */
function check(method: string, target: string, { status, headers, text }: Got): void {
  const path = (target.split('?')[0] ?? '').replace(/^\/v1\/calls\/[^/]+$/, '/v1/calls/{call_id}');
  const operation = membersOf(document, 'paths', path, method.toLowerCase());
  const type = (headers['content-type'] ?? '').split(';')[0] ?? '';
  const problem = membersOf(document, 'components', 'schemas', 'Problem');
  const form = status === 200 ? membersOf(operation, 'responses', '200', 'content', type) : { schema: problem };
  if (status !== 200) assert.is(type, 'application/problem+json', `${method} ${target}: ${status}`);
  assert.ok(form !== undefined, `${method} ${target} answers ${type}, which the document does not know`);
  const id = membersOf(operation, 'operationId');
  if (typeof id === 'string') checked_operations.set(id, (checked_operations.get(id) ?? new Set()).add(status));
  if (!type.endsWith('json')) return;
  const schema = membersOf(form, 'schema');
  if (!isFields(schema)) throw new Error(`${path} has no schema`);
  const result = new Validator(JSON.parse(JSON.stringify(schema)), '2020-12', false).validate(JSON.parse(text));
  assert.ok(result.valid, `${method} ${target}: ${text.slice(0, 400)}: ${JSON.stringify(result.errors)}`);
}

/** A node whose agents `analyst`, `other` and `narrow` have tokens. */
export class SidecarWorld {
  readonly node: Node;
  readonly tokens: Readonly<Record<string, string>>;

  constructor(node: Node, tokens: Readonly<Record<string, string>>) {
    this.node = node;
    this.tokens = tokens;
  }

  get did(): string {
    return this.node.host.identities.find('analyst')?.did ?? '';
  }

  get kernel(): KernelSpace {
    const agent = this.node.host.agents.get(this.did);
    if (agent === undefined) throw new Error('there is no analyst');
    return agent.kernel;
  }

  /** The port of the loopback interface. */
  get port(): number {
    return Number(new URL(this.node.sidecar?.url ?? '').port);
  }

  /** Sends a request, which can be given up. */
  open(method: string, target: string, { token = this.tokens['analyst'] ?? '', body, bytes, headers = {}, over = 'socket' }: Sent = {}): ClientRequest {
    const content = bytes ?? (body === undefined ? undefined : Buffer.from(JSON.stringify(body)));
    const asked = request({
      ...(over === 'socket' ? { socketPath: this.node.sidecar?.socket_path } : { host: '127.0.0.1', port: this.port }),
      method, path: target, agent: false,
      headers: {
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        ...(content === undefined ? {} : { 'content-type': bytes === undefined ? 'application/json' : 'application/octet-stream', 'content-length': String(content.length) }),
        ...headers,
      },
    });
    asked.end(content);
    return asked;
  }

  /** Sends a request and gives the answer as it begins. */
  begin(method: string, target: string, sent: Sent = {}): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const asked = this.open(method, target, sent);
      asked.on('error', reject);
      asked.on('response', resolve);
    });
  }

  /** Sends a request and gives the whole answer, checked. */
  async ask(method: string, target: string, sent: Sent = {}): Promise<Got> {
    const response = await this.begin(method, target, sent);
    let text = '';
    response.setEncoding('utf8');
    for await (const piece of response) text += String(piece);
    const is_json = (response.headers['content-type'] ?? '').includes('json');
    const parsed: unknown = is_json ? JSON.parse(text) : {};
    const got: Got = { status: response.statusCode ?? 0, headers: response.headers, text, json: isFields(parsed) ? parsed : {} };
    check(method, target, got);
    return got;
  }

  /** The same, where it must succeed. */
  async get(method: string, target: string, sent: Sent = {}): Promise<Got['json']> {
    const got = await this.ask(method, target, sent);
    assert.is(got.status, 200, `${method} ${target}: ${got.text}`);
    return got.json;
  }

  /** The same, where it must fail: status and code. */
  async refusal(method: string, target: string, sent: Sent = {}): Promise<readonly [number, unknown]> {
    const { status, json } = await this.ask(method, target, sent);
    return [status, json['code']];
  }

  /** The records of the agent's log of a kind. */
  async logged(kind: string): Promise<readonly { readonly [name: string]: unknown }[]> {
    return (await this.node.getLogs('analyst', { kind, limit: 1000 })).map((record) => Object.assign({}, record));
  }
}

/** Starts the node, its sponsor and its agents. */
export async function sidecarWorld(context: TestContext, { control = false }: { readonly control?: boolean } = {}): Promise<SidecarWorld> {
  const folder = context.folder();
  const file = join(folder, 'policy.yaml');
  writeFileSync(file, policy);
  const node = unwrap(await createNode({ name: 'desk', data: join(folder, 'data'), listen: ['/ip4/127.0.0.1/tcp/0'], control, sidecar: '127.0.0.1:0' }));
  context.after(() => node.stop());
  unwrap(await node.actions.createSponsor('alice', 'human'));
  const tokens: Record<string, string> = {};
  for (const [name, capabilities] of [['analyst', ['*:**']], ['other', ['*:**']], ['narrow', ['read:reports']]] as const) {
    const { did } = unwrap(await node.actions.createAgent({ name, sponsor: 'alice', capabilities, policy: file, authority: 'open' }));
    tokens[name] = unwrap(await node.sidecar_tokens.issue(did));
  }
  return new SidecarWorld(node, tokens);
}

/** Reads server-sent events until enough have come, or the stream ends. */
export async function eventsOf(response: IncomingMessage, enough: number): Promise<{ readonly id: string | undefined; readonly event: string; readonly data: { readonly [name: string]: unknown } }[]> {
  const events: { id: string | undefined; event: string; data: { readonly [name: string]: unknown } }[] = [];
  let text = '';
  response.setEncoding('utf8');
  for await (const piece of response) {
    text += String(piece);
    const blocks = text.split('\n\n');
    text = blocks.pop() ?? '';
    for (const block of blocks) {
      const field = (name: string): string | undefined => block.split('\n').find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
      const event = field('event');
      const data: unknown = JSON.parse(field('data') ?? '{}');
      if (event !== undefined && isFields(data)) events.push({ id: field('id'), event, data });
    }
    if (events.length >= enough) break;
  }
  return events;
}
