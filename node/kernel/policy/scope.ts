import type { Json } from '../../../crypto/canonical.ts';
import { pathOutside, pathsIn } from '../detect/path.ts';
import { textsOf, type PayloadText } from '../detect/payload.ts';
import { containsPii } from '../detect/pii.ts';
import { sqlIn } from '../detect/sql-payload.ts';
import { Fault, isRecord, memberOf, type Value } from './values.ts';

/**
 * What a policy decides about: JSON values by root name. `action` says what is
 * to be done (`type` first of all), `data` is its payload, `agent` who does it.
 */
export interface PolicyRequest {
  readonly action?: Json;
  readonly data?: Json;
  readonly agent?: Json;
  readonly [root: string]: Json | undefined;
}

/**
 * A request as conditions see it. What detectors find in the payload (`sql.*`,
 * `path.*`, `data.contains_pii`) is computed when a condition first asks, from
 * the payload itself, so that leaving a field out or lying in it avoids nothing.
 */
export class Scope {
  readonly request: PolicyRequest;
  /** The folder that relative paths start from. */
  readonly folder: string;
  readonly #found = new Map<string, Value>();
  #texts: readonly PayloadText[] | Fault | undefined;

  constructor(request: PolicyRequest, folder: string = process.cwd()) {
    this.request = scaled(request);
    this.folder = folder;
  }

  /** The value of a root: an attribute of the request, or a detector's facets. */
  root(name: string): Value {
    if (Object.hasOwn(this.request, name)) return this.request[name];
    if (name === 'sql') return this.#once('sql', () => this.#sql());
    if (name === 'path') return this.#once('path', () => this.#path());
    return undefined;
  }

  /**
   * Whether the payload holds personal data, or says so. In strict mode a request
   * without a payload leaves it unknown.
   */
  containsPii(strict: boolean): boolean | Fault {
    if (strict && this.request.data === undefined) return new Fault('data.contains_pii is not known');
    if (memberOf(this.request.data, 'contains_pii') === true) return true;
    const found = this.#once('pii', () => {
      const texts = this.#payload();
      return texts instanceof Fault ? texts : containsPii(texts);
    });
    return found instanceof Fault ? found : found === true;
  }

  /** Whether every path that the request names leads into one of the folders; true when it names none. */
  pathsWithin(folders: readonly string[]): boolean | Fault {
    const outside = this.pathOutside(folders);
    return outside instanceof Fault ? outside : outside === undefined;
  }

  /** The first path that leads out of the folders, in words. */
  pathOutside(folders: readonly string[]): string | undefined | Fault {
    const found = this.#once(`within ${folders.join('\0')}`, () => {
      const texts = this.#payload();
      return texts instanceof Fault ? texts : pathOutside(pathsIn(texts, this.actionType()), folders, this.folder);
    });
    return found instanceof Fault || typeof found === 'string' ? found : undefined;
  }

  /** `action.type`, or `''`. */
  actionType(): string {
    const type = memberOf(this.request.action, 'type');
    return typeof type === 'string' ? type : '';
  }

  /** Who is charged by rate limits: the agent's DID, id or name, and the peer at whose command it acts, so that no peer uses up another's share. */
  agentKey(): string {
    const { agent } = this.request;
    const key = memberOf(agent, 'did') ?? memberOf(agent, 'id') ?? memberOf(agent, 'name') ?? agent;
    const peer = memberOf(this.request['context'], 'peer');
    return `${typeof key === 'string' ? key : ''}${typeof peer === 'string' ? ` ${peer}` : ''}`;
  }

  #once(name: string, compute: () => Value): Value {
    if (!this.#found.has(name)) this.#found.set(name, compute());
    return this.#found.get(name);
  }

  #payload(): readonly PayloadText[] | Fault {
    this.#texts ??= textsOf({ action: this.request.action ?? null, data: this.request.data ?? null })
      ?? new Fault('the payload is too large to be looked at');
    return this.#texts;
  }

  #sql(): Value {
    const texts = this.#payload();
    if (texts instanceof Fault) return texts;
    const facets = sqlIn(texts, this.actionType());
    return facets === undefined ? undefined : { ...facets };
  }

  #path(): Value {
    const texts = this.#payload();
    if (texts instanceof Fault) return texts;
    const values = pathsIn(texts, this.actionType());
    return { present: values.length > 0, values };
  }
}

/** A trust score given as a share of one is read on the scale of 0 to 1000. A whole number is never such a share. */
function scaled(request: PolicyRequest): PolicyRequest {
  const { agent } = request;
  const score = memberOf(agent, 'trust_score');
  if (!isRecord(agent) || typeof score !== 'number' || score <= 0 || score >= 1) return request;
  return { ...request, agent: { ...agent, trust_score: Math.round(score * 1e9) / 1e6 } };
}
