/** The border of a sandbox: texts come out of it, and are nothing but claims until they are checked. */
import { isCrowded, isFields, json_values_max, type Json } from '../../../crypto/canonical.ts';
import { fail, messageOf, ok, type Failure, type Result } from '../../../crypto/result.ts';
import { isAction } from '../call.ts';
import { snapshot } from '../snapshot.ts';
import type { SandboxEnd, SandboxPort } from './index.ts';
import type { SandboxLimits } from './limits.ts';

/** The answer to a call, as the program gets it. */
export interface BorderAnswer {
  readonly id: number;
  readonly ok: boolean;
  /** JSON: the value, or `{code, reason, rule}`. */
  readonly text: string;
}

/** Checks what comes out and bounds what is under way. */
export class Border {
  readonly #port: SandboxPort;
  readonly #limits: SandboxLimits;
  #calls = 0;
  #printed_bytes = 0;
  #dropped_bytes = 0;

  constructor(port: SandboxPort, limits: SandboxLimits) {
    this.#port = port;
    this.#limits = limits;
  }

  /** Makes a call of the program, given as JSON with `action` and `data`, and answers it, whatever becomes of it. */
  async call(id: number, text: string, answer: (answer: BorderAnswer) => void): Promise<void> {
    const read = this.read(text);
    const made = read.ok ? await this.#made(read.value) : read;
    answer(made.ok ? { id, ok: true, text: JSON.stringify(made.value) } : { id, ok: false, text: refusalText(made.failure) });
  }

  async #made(call: Json): Promise<Result<Json>> {
    if (this.#calls >= this.#limits.calls) return fail('SANDBOX_OVERLOADED', `${this.#limits.calls} calls are under way`, { fix: 'await some of them first' });
    const { action, data = null } = isObject(call) ? call : {};
    if (!isAction(action)) return fail('CALL_INVALID', 'the action has no type', { fix: "agentmesh.call({ type: 'read', resource: 'reports' })" });
    this.#calls += 1;
    try {
      const answered = await this.#port.call(action, data);
      if (!answered.ok) return answered;
      const value = snapshot(answered.value);
      if (!value.ok) return value;
      const length = JSON.stringify(value.value).length;
      return length <= this.#limits.message_bytes ? value : fail('SANDBOX_MESSAGE', `the answer has ${length} characters, ${this.#limits.message_bytes} may pass`);
    } catch (error) {
      return fail('CALL_FAILED', messageOf(error));
    } finally {
      this.#calls -= 1;
    }
  }

  /** A text as JSON. Fails with `SANDBOX_MESSAGE`. */
  read(text: string): Result<Json> {
    if (text.length > this.#limits.message_bytes) return fail('SANDBOX_MESSAGE', `a message has at most ${this.#limits.message_bytes} characters, this one ${text.length}`);
    if (isCrowded(text)) return fail('SANDBOX_MESSAGE', `a message has at most ${json_values_max} values`);
    try {
      const value: unknown = JSON.parse(text);
      return snapshot(value);
    } catch (error) {
      return fail('SANDBOX_MESSAGE', `a message is no JSON: ${messageOf(error)}`);
    }
  }

  /** What the program prints, as far as there is room for it. */
  print(stream: 'stdout' | 'stderr', text: string): void {
    const room = Math.max(0, this.#limits.output_bytes - this.#printed_bytes);
    const length = Buffer.byteLength(text);
    const kept = length <= room ? text : Buffer.from(text).subarray(0, room).toString();
    this.#printed_bytes += Math.min(length, room);
    this.#dropped_bytes += Math.max(0, length - room);
    if (kept !== '') this.#port.output(stream, kept);
  }

  /** The end of the program with what it handed in. Fails with `SANDBOX_MESSAGE`. */
  ended(text: string | undefined, exit_code: number): Result<SandboxEnd> {
    const result = text === undefined ? ok(null) : this.read(text);
    return result.ok ? ok({ result: result.value, exit_code, dropped_bytes: this.#dropped_bytes }) : result;
  }
}

function isObject(value: Json): value is { readonly [name: string]: Json } {
  return isFields(value);
}

function refusalText({ code, reason, detail }: Failure): string {
  const rule = detail?.['rule'];
  return JSON.stringify({ code, reason, rule: typeof rule === 'string' ? rule : null });
}
