/** What a route of the sidecar is: the server answers by it, and the OpenAPI document describes it. */
import type { ServerResponse } from 'node:http';
import type { Json } from '../../crypto/canonical.ts';
import { fail, ok, unwrap, type Result } from '../../crypto/result.ts';
import { compileSchema, type Schema } from '../kernel/tools/schema.ts';
import type { Caller } from './caller.ts';
import type { SidecarServices } from './services.ts';

/** A JSON Schema (draft 2020-12). */
export type JsonSchema = { readonly [name: string]: Json };

/** A parameter in the path or the query of a target. */
export interface Parameter {
  readonly in: 'path' | 'query';
  readonly description: string;
  readonly schema: JsonSchema;
  readonly required?: true;
}

/** The body of a request. */
export interface BodyForm {
  readonly schema: JsonSchema;
  readonly bytes_max: number;
  /** That the bytes themselves may come instead, as `application/octet-stream`; the members of the JSON come in the query then. */
  readonly or_bytes?: true;
}

/** The members of a request. */
export type Input = { readonly [name: string]: Json };

/** A request whose parts have been checked. */
export interface Asked {
  /** Path, query and body together. */
  readonly input: Input;
  /** The body as it came, where it is no JSON. */
  readonly bytes: Uint8Array | undefined;
  /** Whether the client would rather have bytes than JSON. */
  readonly wants_bytes: boolean;
  /** Aborts when the client hangs up. */
  readonly signal: AbortSignal;
}

/** A request for a stream. */
export interface StreamAsked extends Pick<Asked, 'input'> {
  /** The last event that its reader has seen. */
  readonly last_event_id: string | undefined;
}

/** Bytes as an answer. */
export class BytesAnswer {
  readonly bytes: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;

  constructor(bytes: Uint8Array, headers: Readonly<Record<string, string>>) {
    this.bytes = bytes;
    this.headers = headers;
  }
}

/** What every route has. */
interface RouteForm {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** With `{name}` where a part of the path is a parameter. */
  readonly path: string;
  /** Names the operation in OpenAPI. */
  readonly operation: string;
  readonly summary: string;
  readonly parameters?: Readonly<Record<string, Parameter>>;
  readonly body?: BodyForm;
}

/** A route that anybody may use who reaches the server. */
export interface OpenRoute extends RouteForm {
  readonly access: 'open';
  readonly answer: JsonSchema;
  answerTo(services: SidecarServices): Json;
}

/** A route for agents. */
export interface AgentRoute extends RouteForm {
  readonly access: 'agent';
  readonly answer: JsonSchema;
  /** That bytes are answered where the client would rather have them. */
  readonly or_bytes?: true;
  /** That it waits for nobody and others wait for it: it has places of its own, which no request that waits can take. */
  readonly is_awaited?: true;
  answerTo(services: SidecarServices, caller: Caller, asked: Asked): Promise<Result<object>>;
}

/** A stream of server-sent events for an agent. */
export interface StreamRoute extends RouteForm {
  readonly access: 'stream';
  /** Which events come. */
  readonly events: string;
  /** That the stream can be taken up again where it was left. */
  readonly resumed?: true;
  open(services: SidecarServices, caller: Caller, asked: StreamAsked, response: ServerResponse): Result<void>;
}

/** A route. */
export type Route = OpenRoute | AgentRoute | StreamRoute;

/** An object with these members, and no others. Those that end in `?` may be left out. */
export function objectOf(members: Readonly<Record<string, JsonSchema>>): JsonSchema {
  const named = Object.entries(members).map(([name, schema]) => [name.replace(/\?$/, ''), schema] as const);
  return { type: 'object', properties: Object.fromEntries(named), required: Object.keys(members).filter((name) => !name.endsWith('?')), additionalProperties: false };
}

/** What a request gives, checked by a route's own forms. */
export class RequestForm {
  readonly #parameters: Readonly<Record<string, Parameter>>;
  readonly #checks = new Map<string, Schema>();
  readonly #body: Schema | undefined;

  constructor({ parameters = {}, body }: RouteForm) {
    this.#parameters = parameters;
    for (const [name, { schema }] of Object.entries(parameters)) this.#checks.set(name, unwrap(compileSchema(schema)));
    this.#body = body === undefined ? undefined : unwrap(compileSchema(body.schema));
  }

  /** Checks path and query. Fails with `REQUEST_INVALID`. */
  parameters(path: ReadonlyMap<string, string>, query: URLSearchParams): Result<Input> {
    const values: { [name: string]: Json } = {};
    for (const name of query.keys()) {
      if (this.#parameters[name]?.in !== 'query') return fail('REQUEST_INVALID', `there is no parameter ${JSON.stringify(name.slice(0, 64))}`, { fix: Object.keys(this.#parameters).join(', ') || 'leave it out' });
      if (query.getAll(name).length > 1) return fail('REQUEST_INVALID', `${name} is given twice`);
    }
    for (const [name, { in: where, schema, required }] of Object.entries(this.#parameters)) {
      const text = where === 'path' ? path.get(name) : query.get(name) ?? undefined;
      if (text === undefined) {
        if (required === true) return fail('REQUEST_INVALID', `the parameter ${name} is missing`);
        continue;
      }
      const value = valueOf(text, schema);
      const problem = this.#checks.get(name)?.problem(value);
      if (problem !== undefined) return fail('REQUEST_INVALID', `${name}: ${problem}`);
      values[name] = value;
    }
    return ok(values);
  }

  /** Checks a body. Fails with `REQUEST_INVALID`. */
  body(value: Json): Result<Input> {
    const problem = this.#body?.problem(value);
    if (problem !== undefined || typeof value !== 'object' || value === null || Array.isArray(value)) return fail('REQUEST_INVALID', `the body: ${problem ?? 'it must be one JSON object'}`, { fix: 'GET /v1/openapi.json says what fits' });
    return ok(Object.fromEntries(Object.entries(value)));
  }
}

function valueOf(text: string, { type }: JsonSchema): Json {
  if (type === 'boolean') return text === 'true' ? true : text === 'false' ? false : text;
  if (type === 'integer') return /^\d{1,15}$/.test(text) ? Number(text) : text;
  return text;
}
